"""The rules of projects."""

from typing import NoReturn
from uuid import UUID

from app.core.clock import new_id
from app.core.context import Context
from app.core.errors import Forbidden
from app.core.pagination import Cursors
from app.core.positions import last_position
from app.core.schemas import JsonPage, JsonRow
from app.core.signing import Signer
from app.database.versions import Expected
from app.features.projects.repository import ProjectRepository
from app.features.projects.schemas import ProjectCreate, ProjectQuery, ProjectUpdate
from app.security.principal import Principal


class ProjectService:
    """Projects, on behalf of one principal in one request.

    The principal makes no more than `quota` of them.
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
        """Raises `NotFound`."""
        return await self._repository.read(project_id)

    async def list(self, query: ProjectQuery) -> JsonPage:
        """One page. Raises `CursorInvalid`."""
        cursors = Cursors(self._signer, self._principal.user_id, query.binding("projects"))
        rows = await self._repository.page(query, cursors.decode(query.cursor))
        return cursors.page(rows, query)

    async def create(self, data: ProjectCreate) -> JsonRow:
        """Raises `QuotaExceeded`, `Forbidden`, and what the repository's `add` does."""
        if self._principal.project_id is not None:
            raise Forbidden("The access token is limited to one project.")
        return await self._repository.add(
            data,
            id=data.id or new_id(),
            position=last_position(),
            quota=self._quota,
            **self._context.by(self._principal.user_id),
        )

    async def create_inbox(self) -> None:
        """The project that every account has, made with the account."""
        await self._repository.add(
            ProjectCreate(name="Inbox"),
            is_inbox=True,
            id=new_id(),
            position=last_position(),
            **self._context.by(self._principal.user_id),
        )

    async def update(self, project_id: UUID, data: ProjectUpdate, expected: Expected) -> JsonRow:
        """Raises what the repository's `patch` does."""
        return await self._repository.patch(
            project_id, data, expected, **self._context.by(self._principal.user_id)
        )

    async def delete(self, project_id: UUID, expected: Expected) -> None:
        """Delete it, with all below it. Raises as `update` does."""
        await self._repository.remove(
            project_id, expected, **self._context.by(self._principal.user_id)
        )

    async def leave_all(self) -> None:
        """Whose account ends leaves all projects.

        What it shared goes to whoever has been there longest, an editor rather than a viewer; what
        nobody else sees is deleted, its Inbox too.
        """
        await self._repository.leave_all(**self._context.by(self._principal.user_id))

    async def explain_refusal(self, project_id: UUID | None) -> NoReturn:
        """Why a project takes no todo; without an id, the Inbox."""
        if project_id is None:
            await self._repository.explain_refusal_of_inbox("todos")
        await self._repository.explain_refusal(project_id, "/project_id", "todos")
