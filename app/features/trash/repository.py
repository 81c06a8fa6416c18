"""Runs the statements of the trash."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson

from app.core.errors import LocksContended, NotFound
from app.core.pagination import Position
from app.core.schemas import JsonRow
from app.database.repository import Repository, Row, json_row
from app.database.row_changes import RowChange
from app.database.unit_of_work import Connection
from app.features.labels.holding import LabelHolder
from app.features.projects.statements import PROJECTS
from app.features.todos.sql.writes import TODOS
from app.features.trash.sql import found, restored_projects, restored_todos
from app.features.trash.sql.listing import PAGES


class TrashRepository(Repository):
    """Reads and empties the trash of one principal (`seen`, from `permissions.seen_by`)."""

    def __init__(self, connection: Connection, seen: dict[str, UUID | None]) -> None:
        super().__init__(connection)
        self._seen = seen

    async def page(
        self, after: Position | None, *, limit: int, with_total: bool, retention: timedelta
    ) -> list[Row]:
        """Rows of `body`, `sort_key` and `id`; with the total, one at least."""
        last = {} if after is None else {"last_key": after.key, "last_id": after.id}
        statement = PAGES[after is None, with_total]
        return await self._all(statement, **self._seen, **last, limit=limit, retention=retention)

    async def find_one(self, item_id: UUID) -> Row | None:
        """Find one in the trash, as `type` and `id` with the `role`, and take its locks."""
        return await self._one(found.FIND_ONE, **self._seen, id=item_id)

    async def find_all(self) -> list[Row]:
        """Find all that the principal may purge, and take the locks."""
        return await self._all(found.FIND_ALL, **self._seen)

    async def lock_projects(self, todo_id: UUID) -> dict[str, Any]:
        """Lock the project of a todo in the trash, and the Inbox if it has to go there.

        Returns `project_id`, the Inbox as `target_id`, and `foreign_labels`, the names by their
        keys that the todos bring to another owner; None if the owner stays. Raises `NotFound`.
        """
        row = await self._one(restored_todos.LOCK_PROJECTS, **self._seen, id=todo_id)
        if row is None or (row["is_left"] and row["target_id"] is None):
            # A token that is limited to one project sees no Inbox.
            raise NotFound
        labels = row["foreign_labels"]
        names = None if labels is None else dict(sorted(orjson.loads(labels).items()))
        place = {name: row[name] for name in ("project_id", "target_id")}
        return {**place, "foreign_labels": names}

    async def hold_labels(
        self, names: Mapping[str, str], project_id: UUID, *, quota: int, **by: Any
    ) -> dict[str, str]:
        """Hold labels of a project's owner, by their keys: see `LabelHolder.hold`."""
        if not names:
            return {}
        statement = restored_todos.HOLD_IN_PROJECT
        held = await LabelHolder(self._connection).hold(
            statement, names, quota=quota, **self._seen, project_id=project_id, **by
        )
        if held is None:
            raise LocksContended
        return held

    async def lock_todo(self, todo_id: UUID, *, quota: int, **place: Any) -> list[Row]:
        """Lock a todo in the trash, all below it and all above it, from the leaves to the root."""
        rows = await self._all(restored_todos.LOCK, **self._seen, id=todo_id, quota=quota, **place)
        todo = next((row for row in rows if row["id"] == todo_id), None)
        if todo is None or todo["is_left"] != (place["target_id"] is not None):
            # Somebody else restored, moved or purged it, or its project, before the locks were
            # there.
            raise LocksContended
        return rows

    async def restore_todos(
        self, changes: Sequence[RowChange], *, is_moved: bool, **by: Any
    ) -> JsonRow:
        """Change locked todos; returns the first of them as it is then."""
        statement = restored_todos.MOVE if is_moved else restored_todos.UPDATE
        given = TODOS.changed(changes, moves=is_moved)
        row = await self._one(statement, given=given, answered=changes[0].id, **by)
        assert row is not None
        return json_row(row)

    async def lock_root(self, project_id: UUID) -> UUID:
        """Take the lock of the tree of a project in the trash; returns its root.

        Raises `NotFound`.
        """
        row = await self._one(restored_projects.LOCK_ROOT, **self._seen, id=project_id)
        if row is None:
            raise NotFound
        root_id: UUID = row["id"]
        return root_id

    async def lock_tree(self, project_id: UUID) -> list[Row]:
        """Lock a project in the trash and all below it; the project is the last row."""
        return await self._all(restored_projects.LOCK, **self._seen, id=project_id)

    async def restore_projects(
        self, changes: Sequence[RowChange], *, is_moved: bool, role: str, **by: Any
    ) -> JsonRow:
        """Change locked projects; returns the first of them as somebody with this role sees it."""
        statement = restored_projects.MOVE if is_moved else restored_projects.UPDATE
        given = PROJECTS.changed(changes, moves=is_moved)
        params = {"given": given, "role": role, "is_own_order": False}
        rows = await self._all(statement, **self._seen, **params, **by)
        return json_row(next(row for row in rows if row["id"] == changes[0].id))
