"""Runs the statements of members, and turns no row into errors."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.core.errors import LocksContended, NotFound
from app.core.pagination import Position
from app.core.schemas import JsonRow
from app.database.repository import Repository, Row, json_row
from app.database.statement import Statement
from app.database.unit_of_work import Connection
from app.features.labels.adoption import with_ids
from app.features.members import pages, statements
from app.features.projects.statements import LOCK_ROOT, READ


class MemberRepository(Repository):
    """Reads and writes what one principal sees (`seen`, from `permissions.seen_by`)."""

    def __init__(self, connection: Connection, seen: dict[str, UUID | None]) -> None:
        super().__init__(connection)
        self._seen = seen

    async def page(
        self, project_id: UUID, after: Position | None, *, limit: int, with_total: bool
    ) -> list[Row]:
        """Rows of `body`, `sort_key` and `id`, or one without a body. Raises `NotFound`."""
        last = {} if after is None else {"last_key": after.key, "last_id": after.id}
        statement = pages.PAGES[after is None, with_total]
        rows = await self._all(statement, **self._seen, **last, id=project_id, limit=limit)
        if not rows:
            raise NotFound
        return rows

    async def lock(self, project_id: UUID, user_id: UUID, *, alone: bool = False) -> Row:
        """Lock a visible project's tree, and read one of its members: see `statements`.

        `alone`: its todos are not added to either. Raises `NotFound`.
        """
        place = {**self._seen, "id": project_id}
        root = await self._one(LOCK_ROOT, **place)
        statement = statements.LOCK_ALONE if alone else statements.LOCK
        row = await self._one(statement, **place, user_id=user_id)
        if row is None:
            raise NotFound
        require_locked(row, project_id, root)
        return row

    async def update(self, project: Row, project_id: UUID, **values: Any) -> JsonRow:
        """Give a member of a locked project another role."""
        return json_row(await self._changed(statements.UPDATE, project, id=project_id, **values))

    async def remove(self, project: Row, project_id: UUID, **values: Any) -> None:
        """Take a member out of a locked project."""
        await self._changed(statements.REMOVE, project, id=project_id, **values)

    async def transfer(
        self, project: Row, project_id: UUID, *, missing: str, **values: Any
    ) -> JsonRow:
        """Make a member of a locked project its owner; returns the project.

        `missing` are the labels that `room` told of.
        """
        row = await self._changed(
            statements.TRANSFER, project, id=project_id, labels=with_ids(missing), **values
        )
        if row["missing"] != missing:
            # A todo has been labelled since.
            raise LocksContended
        return json_row(row)

    async def room(self, project: Row, user_id: UUID, **quotas: int) -> Row:
        """Whether somebody may own a locked project and its todos: see `statements`."""
        row = await self._one(
            statements.ROOM, **self._seen, tree=project["tree"], user_id=user_id, **quotas
        )
        assert row is not None
        return row

    async def join(self, project_id: UUID, tree: Sequence[UUID], **values: Any) -> JsonRow:
        """Make the principal a member of a locked tree of projects; returns the one with the id."""
        row = await self._one(statements.JOIN, **self._seen, id=project_id, tree=tree, **values)
        assert row is not None
        return json_row(row)

    async def read_project(self, project_id: UUID) -> JsonRow:
        """A locked project."""
        row = await self._one(READ, **self._seen, id=project_id)
        assert row is not None
        return json_row(row)

    async def _changed(self, statement: Statement, project: Row, **values: Any) -> Row:
        row = await self._one(statement, **self._seen, tree=project["tree"], **values)
        if row is None:
            # The account has ended since it was read, or that of the owner, whose heir it is.
            raise LocksContended
        return row


def require_locked(project: Row, project_id: UUID, root: Row | None) -> None:
    """Raise `LocksContended` for a root that was below another one, whose tree is locked instead.

    `root` is the answer of `LOCK_ROOT`: it is older than what that waited for.
    """
    if project["parent_id"] is None and (root is None or root["id"] != project_id):
        raise LocksContended
