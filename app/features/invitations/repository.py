"""Runs the statements of invitations, and turns no row into errors."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.errors import NotFound
from app.core.pagination import Position
from app.database.repository import Repository, Row
from app.database.statement import Statement
from app.database.unit_of_work import Connection
from app.features.invitations import pages, statements
from app.features.invitations.errors import InvitationNotPending
from app.features.members.repository import require_locked
from app.features.projects.statements import LOCK_ROOT


class InvitationRepository(Repository):
    """Reads and writes invitations, for one principal (`seen`, from `permissions.seen_by`).

    `trusts_unverified` is whether those to an address are for whoever signed up with it.
    """

    def __init__(
        self, connection: Connection, seen: dict[str, UUID | None], *, trusts_unverified: bool
    ) -> None:
        super().__init__(connection)
        self._seen = seen
        self._trust = {"trusts_unverified": trusts_unverified}

    async def page_of_project(
        self, project_id: UUID, after: Position | None, **query: Any
    ) -> list[Row]:
        """Rows of `body`, `sort_key` and `id`, or one without a body. Raises `NotFound`."""
        return (
            await self._page(pages.OF_PROJECT, after, project_id=project_id, **query)
            or _not_found()
        )

    async def page_of_mine(self, after: Position | None, **query: Any) -> list[Row]:
        """Rows of `body`, `sort_key` and `id`, one more than asked for if there is a next page."""
        return await self._page(pages.OF_PRINCIPAL, after, **self._trust, **query)

    async def place(self, project_id: UUID, email_key: str, now: datetime) -> Row:
        """Lock a visible project's tree; read what there is of an address. Raises `NotFound`."""
        return await self._in_tree(statements.PLACE, project_id, email_key=email_key, now=now)

    async def insert(self, values: dict[str, Any], **by: Any) -> Row:
        """Insert an invitation to a locked project, in the place of an earlier one."""
        row = await self._one(statements.CREATE, **self._seen, **values, **by)
        assert row is not None
        return row

    async def sent(self, project_id: UUID, invitation_id: UUID, now: datetime) -> Row:
        """Lock a visible project's tree; read one of its invitations. Raises `NotFound`."""
        return await self._in_tree(statements.LOOK_SENT, project_id, id=invitation_id, now=now)

    async def find(self, invitation_id: UUID) -> Row:
        """Find one to the principal's address, and lock its project's tree. Raises `NotFound`."""
        params = {**self._seen, **self._trust, "id": invitation_id}
        return await self._one(statements.FIND_MINE, **params) or _not_found()

    async def find_named(self, token_hash: bytes) -> Row:
        """Find the one with this token, and lock its project's tree. Raises `NotFound`."""
        params = {**self._seen, "token_hash": token_hash}
        return await self._one(statements.FIND_NAMED, **params) or _not_found()

    async def is_pending(self, invitation_id: UUID, now: datetime) -> bool:
        """Whether an invitation, whose project's tree is locked, may be answered."""
        pending: bool = await self._value(statements.LOOK, id=invitation_id, now=now)
        return pending

    async def lock(self, invitation_id: UUID, project_id: UUID, now: datetime) -> Row:
        """What is to be known to accept an invitation, whose project's tree is locked.

        Raises `InvitationNotPending` for one that is gone.
        """
        params = {"id": invitation_id, "project_id": project_id, "now": now}
        row = await self._one(statements.LOCK, **self._seen, **params)
        if row is None:
            raise InvitationNotPending
        return row

    async def end(self, invitation_id: UUID, now: datetime) -> None:
        """End an invitation, whose project's tree is locked.

        The end of an account deletes it without that lock: then this raises `InvitationNotPending`.
        """
        if await self._one(statements.END, **self._seen, id=invitation_id, now=now) is None:
            raise InvitationNotPending

    async def _in_tree(self, statement: Statement, project_id: UUID, **params: Any) -> Row:
        root = await self._one(LOCK_ROOT, **self._seen, id=project_id)
        row = await self._one(statement, **self._seen, project_id=project_id, **params)
        if row is None:
            raise NotFound
        require_locked(row, project_id, root)
        return row

    async def _page(
        self, by_shape: dict[tuple[bool, bool], Statement], after: Position | None, **query: Any
    ) -> list[Row]:
        last = {} if after is None else {"last_key": after.key, "last_id": after.id}
        statement = by_shape[after is None, query.pop("with_total")]
        return await self._all(statement, **self._seen, **last, **query)


def _not_found() -> Any:
    raise NotFound
