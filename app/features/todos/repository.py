"""Runs the statements of todos, and turns no row and violated constraints into errors."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from app.core.errors import IdTaken, LocksContended, NotFound, QuotaExceeded
from app.core.pagination import Position
from app.core.schemas import JsonRow
from app.database.repository import Repository, Row, json_row
from app.database.row_changes import RowChange
from app.database.shapes import SHAPES
from app.database.unit_of_work import Connection
from app.features.labels.holding import LabelHolder
from app.features.projects.errors import ProjectNotFound
from app.features.projects.permissions import require_editable
from app.features.todos.errors import TooDeep
from app.features.todos.models import MAX_DEPTH
from app.features.todos.schemas import CountQuery, TodoQuery, View
from app.features.todos.sql import counts, moves, reads, search, writes
from app.features.todos.sql.filters import clock, filters_of
from app.features.todos.sql.writes import TODOS

Seen = dict[str, UUID | None]
# The time zone of each account, as its last list returned it. The next list uses it, and returns
# the true one again.
_zones: dict[UUID | None, str] = {}
_MAX_ZONES = 10_000


class TodoRepository(Repository):
    """Reads and writes the todos of one principal (`seen`, from `permissions.seen_by`)."""

    conflicts = {
        "pk_todos": IdTaken,
        "ck_todos_depth": TooDeep,
        "fk_todos_project_id": ProjectNotFound,
    }

    def __init__(self, connection: Connection, seen: Seen) -> None:
        super().__init__(connection)
        self._seen = seen

    async def read(self, todo_id: UUID) -> JsonRow:
        """Read a todo. Raises `NotFound`."""
        row = await self._one(reads.READ, **self._seen, id=todo_id)
        if row is None:
            raise NotFound
        return json_row(row)

    async def page(
        self, query: TodoQuery, after: Position | None, now: datetime, view: View | None = None
    ) -> list[Row]:
        """Rows of `body`, `sort_key` and `id`, one more than asked for if there is a next page.

        Where the caller's time zone counts, as for a view, there is one at least, and each has it.
        """
        values: dict[str, Any] = {**self._seen, "limit": query.limit + 1}
        if query.q is not None:
            values |= search.terms(query.q)
        if after is not None:
            values |= {"last_key": after.key, "last_id": after.id}

        async def ask(zone: str) -> list[Row]:
            filters = filters_of(query, now, zone, view)
            statement = await SHAPES.statement(
                self._seen["principal_id"],
                reads.page if query.q is None else search.page,
                query.order,
                frozenset(filters),
                is_first=after is None,
                with_total=query.include_total,
            )
            params = {name: value for each in filters.values() for name, value in each.items()}
            return await self._all(statement, **values, **params)

        return await self._in_callers_zone(ask)

    async def counts(self, query: CountQuery, after: Position | None, now: datetime) -> list[Row]:
        """Rows as `page` has them, of the counts of projects or labels; there is one at least."""
        project_id = self._seen["principal_project_id"]
        place = {} if after is None else {"last_key": after.key, "last_id": after.id}
        statement = await SHAPES.statement(
            self._seen["principal_id"],
            counts.page,
            query.by,
            query.sort,
            # A token that is limited to one project sees the labels of that.
            in_project=query.by == "label" and project_id is not None,
            is_first=after is None,
            with_total=query.include_total,
        )
        values = {**self._seen, **place, "project_id": project_id, "limit": query.limit + 1}
        return await self._in_callers_zone(
            lambda zone: self._all(statement, **values, **clock(now, zone))
        )

    async def _in_callers_zone(self, ask: Callable[[str], Awaitable[list[Row]]]) -> list[Row]:
        """What is asked for in the caller's time zone, which the rows tell if it counts."""
        user_id = self._seen["principal_id"]
        zone = _zones.get(user_id, "UTC")
        while True:
            rows = await ask(zone)
            told = rows[0].get("timezone") if rows else None
            if told in (zone, None):
                return rows
            # The account is in another zone: query again, and remember it.
            if len(_zones) >= _MAX_ZONES:
                _zones.clear()
            zone = _zones[user_id] = told

    async def hold_labels(
        self,
        names: Mapping[str, str],
        *,
        quota: int,
        todo_id: UUID | None = None,
        project_id: UUID | None = None,
        **by: Any,
    ) -> list[str] | None:
        """Hold the labels that a todo is going to have, and make those that are missing.

        Labels are those of a todo's project, of a project, or of the Inbox. Returns their own
        names in order; None if there is no such place. Raises as `LabelHolder.hold` does.
        """
        statement = writes.HOLD_IN_INBOX if project_id is None else writes.HOLD_IN_PROJECT
        if todo_id is not None:
            statement = writes.HOLD_OF_TODO
        held = await LabelHolder(self._connection).hold(
            statement, names, quota=quota, **self._seen, id=todo_id, project_id=project_id, **by
        )
        return None if held is None else [held[key] for key in names]

    async def insert(self, values: dict[str, Any], *, quota: int, **by: Any) -> JsonRow:
        """Insert a todo into the project `project_id`, or into the Inbox if that is None.

        Raises `ProjectNotFound`, `Forbidden`, `ProjectArchived`, `QuotaExceeded`, `IdTaken`,
        `TooDeep`.
        """
        place = {"project_id": values.pop("project_id", None)}
        row = await self._one(
            writes.CREATE_IN_INBOX if place["project_id"] is None else writes.CREATE_IN_PROJECT,
            **self._seen,
            **place,
            given=TODOS.inserted(values, by["now"]),
            quota=quota,
            **by,
        )
        if row is None:
            raise ProjectNotFound
        if row["id"] is None:
            require_editable(row)
            raise QuotaExceeded("todos")
        return json_row(row)

    async def lock(self, todo_id: UUID) -> Row | None:
        """Read a todo and lock it until the transaction ends; None if it is not visible."""
        row = await self._one(writes.LOCK, **self._seen, id=todo_id)
        # Where this waited for whoever moved it to another project, it is not found in the old one.
        return row or await self._one(writes.LOCK, **self._seen, id=todo_id)

    async def lock_parent(self, todo_id: UUID) -> Row | None:
        """Lock a todo, and read its project, depth and subtask counts; None if not visible."""
        return await self._one(writes.LOCK_PARENT, **self._seen, id=todo_id)

    async def lock_new_parent(self, todo_id: UUID, project_id: UUID | None) -> Row | None:
        """`lock_parent`, where `lock_project_of` took the lock of this project before."""
        if project_id is None:
            return None
        parent = await self.lock_parent(todo_id)
        if parent is None or parent["project_id"] != project_id:
            # It was moved or deleted before the lock was there.
            raise LocksContended
        return parent

    async def lock_above(self, todo_id: UUID) -> list[Row]:
        """Lock all todos above a locked one, the nearest first; read what `lock_parent` does."""
        rows = await self._all(writes.LOCK_ABOVE, id=todo_id)
        # One of them may have been moved while this waited for it.
        if any(low["parent_id"] != high["id"] for low, high in pairwise(rows)):
            raise LocksContended
        return rows

    async def lock_tree(self, todo_id: UUID) -> list[Row]:
        """Lock the project, a todo and, if it may be edited, all below it; the todo is last.

        Nothing is returned if it is not visible.
        """
        project_id = await self.lock_project_of(todo_id)
        if project_id is None:
            return []
        rows = await self._all(writes.LOCK_TREE, **self._seen, id=todo_id)
        if not rows or (rows[-1]["id"], rows[-1]["project_id"]) != (todo_id, project_id):
            raise LocksContended
        return rows

    async def lock_project_of(self, todo_id: UUID) -> UUID | None:
        """Take the lock of the todo's project; returns which it was, None if it is not visible.

        All take it that add subtasks there, delete or move todos. By the time they have it, the
        todo may be in another one.
        """
        found: UUID | None = await self._value(writes.LOCK_PROJECT, **self._seen, id=todo_id)
        return found

    async def lock_open_tree(self, todo_id: UUID, *, whole: bool = False) -> tuple[Row, list[Row]]:
        """Lock a todo and all open ones below it; read the todo, and the counts of the others.

        If the todo repeats, or is about to (`whole`), it is all of those below it. Raises
        `NotFound`, `Forbidden`, `ProjectArchived`.
        """
        # Where it waited for somebody who added a subtask, that one is missing. No locked todo gets
        # any more, so that each look leaves others one level less. A second look may deadlock with
        # whoever completes the new one: of these two one is run anew.
        is_missing = False
        for _ in range(MAX_DEPTH + 1):
            rows = {
                row["id"]: row
                for row in await self._all(
                    writes.LOCK_OPEN_TREE, **self._seen, id=todo_id, whole=whole
                )
            }
            todo = rows.pop(todo_id, None)
            if todo is None:
                # Moved to another project while this waited, or not there.
                if is_missing:
                    raise NotFound
                is_missing = True
                continue
            require_editable(todo)
            # Where it waited for somebody who made it repeat, all below it are needed after all.
            whole |= todo["recurrence_rrule"] is not None
            rows = _reached(todo_id, rows)
            found = Counter(row["parent_id"] for row in rows.values())
            if todo["completed_at"] is not None or (
                todo["is_whole"] == whole
                and all(
                    found[row["id"]]
                    == row["subtask_count"] - (0 if whole else row["completed_subtask_count"])
                    for row in (todo, *rows.values())
                )
            ):
                break
        assert todo is not None
        return todo, list(rows.values())

    async def update(self, changes: Sequence[RowChange], **by: Any) -> JsonRow:
        """Change locked todos of one project; returns the first of them as it is then."""
        given = TODOS.changed(changes)
        row = await self._one(writes.UPDATE, given=given, answered=changes[0].id, **by)
        assert row is not None
        return json_row(row)

    async def lock_projects(
        self, todo_id: UUID, named: UUID | None, project_id: UUID | None
    ) -> list[Row]:
        """Lock the projects of these todos, and this one; read where the visible todos are."""
        places = {"id": todo_id, "named": named, "project_id": project_id}
        return await self._all(moves.LOCK_PROJECTS, **self._seen, **places)

    async def look(self, side: str, **place: Any) -> Row:
        """What there is to know of a place in locked projects: see `moves.look`."""
        user_id, is_top_level = self._seen["principal_id"], place["parent_id"] is None
        statement = await SHAPES.statement(user_id, moves.look, side, is_top_level=is_top_level)
        row = await self._one(statement, **self._seen, **place)
        assert row is not None
        return row

    async def lock_moved(
        self, todo_id: UUID, project_id: UUID, others: Sequence[UUID], *, with_tree: bool
    ) -> list[Row]:
        """Lock a todo, those below it if asked for, and others, from the leaves to the root.

        Each says what is permitted in the project to which the todo goes.
        """
        which = {"id": todo_id, "project_id": project_id, "others": others, "with_tree": with_tree}
        rows = await self._all(moves.LOCK, **self._seen, **which)
        if not {row["id"] for row in rows}.issuperset(others):
            # Their project is no longer seen.
            raise LocksContended
        return rows

    async def move(self, changes: Sequence[RowChange], **by: Any) -> JsonRow:
        """Move locked todos, and change others; returns the first of them as it is then."""
        given = TODOS.changed(changes, moves=True)
        row = await self._one(moves.MOVE, given=given, answered=changes[0].id, **by)
        assert row is not None
        return json_row(row)


def _reached(todo_id: UUID, rows: dict[UUID, Row]) -> dict[UUID, Row]:
    """Those of the rows that are below a todo; others were moved away while they were locked."""
    reached: dict[UUID, Row] = {}
    for row in sorted(rows.values(), key=lambda row: row["depth"]):
        if row["parent_id"] == todo_id or row["parent_id"] in reached:
            reached[row["id"]] = row
    return reached
