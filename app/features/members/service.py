"""The rules of members: who is in a project, and in all below it, and in which role."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import orjson

from app.core.context import Context, Expected
from app.core.errors import NotFound, QuotaExceeded
from app.core.pagination import Cursors
from app.core.schemas import JsonPage, JsonRow
from app.core.signing import Signer
from app.database.repository import Row, differences, json_row
from app.features.members.errors import NotAMember, NotTheRoot, OwnerCannotLeave
from app.features.members.repository import MemberRepository
from app.features.members.schemas import MemberQuery, MemberUpdate, Transfer
from app.features.projects.errors import InboxProtected
from app.features.projects.permissions import owns, require_owner
from app.security.principal import Principal


class MemberService:
    """Reads and changes the members of projects, for one principal in one request.

    Nobody is given more than so many projects, todos and labels.
    """

    def __init__(
        self,
        repository: MemberRepository,
        principal: Principal,
        context: Context,
        signer: Signer,
        *,
        quota_projects: int,
        quota_todos: int,
        quota_labels: int,
    ) -> None:
        self._repository = repository
        self._principal = principal
        self._context = context
        self._signer = signer
        self._quota_labels = quota_labels
        self._quotas = {"quota_projects": quota_projects, "quota": quota_todos}

    async def list(self, project_id: UUID, query: MemberQuery) -> JsonPage:
        """Read a page. Raises `NotFound`, `NotTheRoot`, `CursorInvalid`."""
        binding = query.binding(f"members of {project_id}")
        cursors = Cursors(self._signer, self._principal.user_id, binding)
        rows = await self._repository.page(
            project_id,
            cursors.decode(query.cursor),
            limit=query.limit + 1,
            with_total=query.include_total,
        )
        require_root(rows[0])
        return cursors.page(rows, query)

    async def update(
        self, project_id: UUID, user_id: UUID, data: MemberUpdate, expected: Expected
    ) -> JsonRow:
        """Give a member another role, as the owner; the version is the project's.

        Raises `NotFound`, `Forbidden`, `NotTheRoot`, `InboxProtected`, `VersionConflict`,
        `OwnerCannotLeave`.
        """
        project = await self._repository.lock(project_id, user_id)
        require_owner(project)
        self._check(project, expected)
        if owns(project["member_role"]):
            raise OwnerCannotLeave("The owner's role goes with the project, by a transfer.")
        if not differences(project, data):
            return json_row(project)
        return await self._repository.update(
            project, project_id, user_id=user_id, role=data.role, **self._by()
        )

    async def remove(self, project_id: UUID, user_id: UUID, expected: Expected) -> None:
        """Take a member out, as the owner, or oneself; the version is the project's.

        Raises `NotFound`, `Forbidden`, `NotTheRoot`, `InboxProtected`, `VersionConflict`,
        `OwnerCannotLeave`.
        """
        project = await self._repository.lock(project_id, user_id)
        if user_id != self._principal.user_id:
            require_owner(project)
        self._check(project, expected)
        if owns(project["member_role"]):
            raise OwnerCannotLeave
        await self._repository.remove(project, project_id, user_id=user_id, **self._by())

    async def transfer(self, project_id: UUID, data: Transfer, expected: Expected) -> JsonRow:
        """Make a member the owner; the principal becomes an editor.

        Raises `NotFound`, `Forbidden`, `NotTheRoot`, `InboxProtected`, `VersionConflict`,
        `NotAMember`, `QuotaExceeded`.
        """
        project = await self._repository.lock(project_id, data.user_id, alone=True)
        require_owner(project)
        require_shareable(project)
        expected.check(project["version"])
        if project["member_role"] is None:
            raise NotAMember
        if data.user_id == self._principal.user_id:
            return await self._repository.read_project(project_id)
        missing = await self._room(project, data.user_id)
        return await self._repository.transfer(
            project, project_id, missing=missing, user_id=data.user_id, **self._by()
        )

    async def join(self, project_id: UUID, tree: Sequence[UUID], role: str) -> JsonRow:
        """Become a member of a project and of all below it, which the caller has locked."""
        user_id = self._principal.user_id
        return await self._repository.join(
            project_id, tree, user_id=user_id, role=role, **self._by()
        )

    async def _room(self, project: Row, user_id: UUID) -> str:
        """The labels that somebody lacks to own a project, as JSON. Raises `QuotaExceeded`."""
        room = await self._repository.room(project, user_id, **self._quotas)
        for name in ("projects", "todos"):
            if not room[name]:
                raise QuotaExceeded(name)
        added = len(orjson.loads(room["missing"]))
        if added and room["labels"] + added > self._quota_labels:
            raise QuotaExceeded("labels")
        missing: str = room["missing"]
        return missing

    def _check(self, project: Row, expected: Expected) -> None:
        require_shareable(project)
        expected.check(project["version"])
        if project["member_role"] is None:
            raise NotFound

    def _by(self) -> dict[str, Any]:
        return self._context.by(self._principal.user_id)


def require_root(project: Row) -> None:
    """Raise `NotTheRoot` for a project below another one."""
    if project["parent_id"] is not None:
        raise NotTheRoot


def require_shareable(project: Row) -> None:
    """Raise `NotTheRoot` for a project below another one, `InboxProtected` for the Inbox."""
    require_root(project)
    if project["is_inbox"]:
        raise InboxProtected("The Inbox is its owner's alone.")
