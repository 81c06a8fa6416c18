"""The rules of projects."""

from typing import Any
from uuid import UUID

from app.core.clock import new_id
from app.core.context import Context, Expected
from app.core.errors import Forbidden, NotFound
from app.core.pagination import Cursors
from app.core.positions import last_position
from app.core.schemas import JsonPage, JsonRow
from app.core.signing import Signer
from app.database.repository import differences, json_row
from app.database.row_changes import RowChange
from app.features.projects.errors import ProjectArchived
from app.features.projects.models import OWNER
from app.features.projects.moves import ProjectMover
from app.features.projects.permissions import require_editor, require_owner
from app.features.projects.repository import ProjectRepository
from app.features.projects.schemas import ProjectCreate, ProjectMove, ProjectQuery, ProjectUpdate
from app.security.principal import Principal


class ProjectService:
    """Reads and changes projects, for one principal in one request.

    An account may own `quota` projects; None: any number.
    """

    def __init__(
        self,
        repository: ProjectRepository,
        principal: Principal,
        context: Context,
        signer: Signer,
        quota: int | None,
    ) -> None:
        self._repository = repository
        self._principal = principal
        self._context = context
        self._signer = signer
        self._quota = quota

    async def read(self, project_id: UUID) -> JsonRow:
        """Read a project. Raises `NotFound`."""
        return await self._repository.read(project_id)

    async def list(self, query: ProjectQuery) -> JsonPage:
        """Read a page. Raises `CursorInvalid`."""
        cursors = Cursors(self._signer, self._principal.user_id, query.binding("projects"))
        rows = await self._repository.page(query, cursors.decode(query.cursor))
        return cursors.page(rows, query)

    async def create(self, data: ProjectCreate) -> JsonRow:
        """Create a project. Raises `Forbidden`, and what the repository's `insert` raises."""
        if self._principal.project_id is not None:
            raise Forbidden("The access token is limited to one project.")
        return await self._insert(data, is_inbox=False, quota=self._quota)

    async def create_inbox(self) -> None:
        """Create the Inbox of a new account."""
        await self._insert(ProjectCreate(name="Inbox"), is_inbox=True, quota=None)

    async def _insert(self, data: ProjectCreate, *, is_inbox: bool, quota: int | None) -> JsonRow:
        values = {
            # First, so that `data` may override these once it has such fields.
            "archived": False,
            "position": last_position(),
            **data.model_dump(),
            "id": data.id or new_id(),
            "depth": 1,
            "is_inbox": is_inbox,
            "created_by": self._principal.user_id,
        }
        return await self._repository.insert(values, quota=quota, **self._by())

    async def update(self, project_id: UUID, data: ProjectUpdate, expected: Expected) -> JsonRow:
        """Change a project. An archived one can only be changed if it is unarchived as well.

        Raises `NotFound`, `Forbidden`, `VersionConflict`, `ProjectArchived`, `InboxProtected`.
        """
        project = await self._repository.lock(project_id)
        if project is None:
            raise NotFound
        require_editor(project)
        expected.check(project["version"])
        given = data.given()
        if project["archived"] and given.get("archived", True) and given != {"archived": True}:
            raise ProjectArchived
        values = differences(project, data)
        if not values:
            return json_row(project)
        change = RowChange(project_id, "project.updated", values)
        rows = await self._repository.update([change], role=project["role"], **self._by())
        return rows[project_id]

    async def move(self, project_id: UUID, data: ProjectMove, expected: Expected) -> JsonRow:
        """Move a project and all below it. Raises what `ProjectMover.move` does."""
        return await ProjectMover(self._repository, self._by()).move(project_id, data, expected)

    async def delete(self, project_id: UUID, expected: Expected) -> None:
        """Delete a project and all below it, as its owner; their todos are hidden with them.

        Raises `NotFound`, `Forbidden`, `VersionConflict`, `InboxProtected`.
        """
        tree = await self._repository.lock_tree(project_id)
        if not tree or tree[-1]["id"] != project_id:
            raise NotFound
        require_owner(tree[-1])
        expected.check(tree[-1]["version"])
        by = self._by()
        deleted = {"deleted_at": by["now"], "deletion_id": project_id}
        changes = [RowChange(row["id"], "project.trashed", deleted) for row in tree]
        await self._repository.update(changes, role=OWNER, **by)

    async def leave_all(self) -> dict[UUID, UUID]:
        """Take the principal, whose account ends, out of all projects.

        A shared project goes to its longest member, editors before viewers; one that nobody else
        sees is deleted, the Inbox too. Returns those that have another owner now, with who it is.
        """
        locked = await self._repository.lock_all()
        by = self._by()
        # Others may have made one below while this waited for their lock, with the same members.
        left = await self._repository.leave_all(**by)
        ownerless = await self._repository.ownerless([*locked, *left])
        shared = await self._repository.hand_over([row["id"] for row in ownerless], **by)
        changes = [
            # It is no Inbox any more, which could not be deleted.
            RowChange(row["id"], "project.updated", {"is_inbox": False})
            if row["id"] in shared
            else RowChange(
                row["id"],
                "project.trashed",
                {"is_inbox": False, "deleted_at": by["now"], "deletion_id": row["id"]},
            )
            for row in ownerless
            if row["deleted_at"] is None and (row["is_inbox"] or row["id"] not in shared)
        ]
        await self._repository.update(changes, role=OWNER, **by)
        return shared

    def _by(self) -> dict[str, Any]:
        return self._context.by(self._principal.user_id)
