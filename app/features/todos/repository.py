"""The todos' rows: what to run, and what an empty answer or a violated constraint means."""

from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

import asyncpg

from app.core.errors import Forbidden, IdTaken, NotFound, QuotaExceeded, VersionConflict
from app.core.pagination import Position
from app.core.schemas import JsonRow
from app.core.text import text_key
from app.database.repository import Repository
from app.database.shapes import SHAPES
from app.database.statement import Statement
from app.database.unit_of_work import Connection
from app.database.versions import Expected
from app.features.projects.errors import ProjectArchived
from app.features.todos import queries, search, writes
from app.features.todos.deletion import DELETE, LOCK_PROJECT
from app.features.todos.due import due_columns
from app.features.todos.errors import ParentElsewhere, ParentNotFound, TooDeep
from app.features.todos.filters import filters_of
from app.features.todos.models import PRIORITIES
from app.features.todos.schemas import TodoCreate, TodoQuery, TodoUpdate
from app.features.todos.words import as_column

Seen = dict[str, UUID | None]
# The zone of each account, as its last list told: taken for true by the next, which tells it too.
_zones: dict[UUID | None, str] = {}
_MAX_ZONES = 10_000


class TodoRepository(Repository):
    """Todos, as far as `seen` (from `permissions.seen_by`) may see and change them."""

    conflicts = {
        "pk_todos": IdTaken,
        "ck_todos_depth": TooDeep,
    }

    def __init__(self, connection: Connection, seen: Seen) -> None:
        super().__init__(connection)
        self._seen = seen

    async def read(self, todo_id: UUID) -> JsonRow:
        """One todo. Raises `NotFound`."""
        stored = await self._stored(queries.READ, id=todo_id)
        if stored is None:
            raise NotFound
        return stored

    async def page(
        self, query: TodoQuery, after: Position | None, now: datetime
    ) -> list[asyncpg.Record]:
        """Rows of `body`, `sort_key` and `id`; one more than asked for tells of a next page."""
        values: dict[str, Any] = {**self._seen, "limit": query.limit + 1}
        if query.q is not None:
            values |= search.terms(query.q)
        if after is not None:
            values |= {"last_key": after.key, "last_id": after.id}
        user_id = self._seen["principal_id"]
        zone = _zones.get(user_id, "UTC")
        while True:
            filters = filters_of(query, now, zone)
            for params in filters.values():
                values |= params
            statement = await SHAPES.statement(
                user_id,
                queries.page if query.q is None else search.page,
                query.order,
                frozenset(filters),
                is_first=after is None,
                with_total=query.include_total,
            )
            rows = await self._all(statement, **values)
            told = rows[0].get("timezone") if rows else None
            if told in (zone, None):
                return rows
            # It is of another zone: asked for again, and next time at once.
            if len(_zones) >= _MAX_ZONES:
                _zones.clear()
            zone = _zones[user_id] = told

    async def add(self, data: TodoCreate, **values: Any) -> JsonRow | None:
        """A new todo, or None where the project does not take it.

        Raises `IdTaken`, `TooDeep`, `ParentNotFound`, `ParentElsewhere`, `QuotaExceeded`.
        """
        values |= await _columns(data.model_dump(include=_FIELDS) | {"due": data.due})
        if data.parent_id is None:
            if data.project_id is None:
                return await self._stored(writes.CREATE_IN_INBOX, **values)
            values["project_id"] = data.project_id
            return await self._stored(writes.CREATE_IN_PROJECT, **values)
        await self._value(LOCK_PROJECT, **self._seen, id=data.parent_id)
        stored = await self._stored(
            writes.CREATE_SUBTASK, project_id=data.project_id, parent_id=data.parent_id, **values
        )
        if stored is None:
            await self._explain_parent(data.parent_id, data.project_id)
        return stored

    async def patch(
        self, todo_id: UUID, data: TodoUpdate, expected: Expected, **values: Any
    ) -> JsonRow:
        """The todo as it then is. Raises `NotFound`, `Forbidden`, `VersionConflict`."""
        given = data.given()
        values |= await _columns(given)
        statement = await SHAPES.statement(
            self._seen["principal_id"], writes.patch, frozenset(given)
        )
        stored = await self._stored(statement, id=todo_id, **expected.params(), **values)
        if stored is None:
            await self._explain(todo_id, expected)
        return stored

    async def remove(self, todo_id: UUID, expected: Expected, **values: Any) -> None:
        """Delete it and all below it. Raises as `patch` does."""
        await self._value(LOCK_PROJECT, **self._seen, id=todo_id)
        if (
            await self._value(DELETE, **self._seen, id=todo_id, **expected.params(), **values)
            is None
        ):
            await self._explain(todo_id, expected)

    async def _stored(self, statement: Statement, **params: Any) -> JsonRow | None:
        row = await self._one(statement, **self._seen, **params)
        return None if row is None else JsonRow(row["id"], row["version"], row["body"])

    async def _explain(self, todo_id: UUID, expected: Expected) -> NoReturn:
        """Why a write did nothing."""
        row = await self._one(queries.DIAGNOSIS, **self._seen, id=todo_id)
        if row is None:
            raise NotFound
        _check_editable(row)
        if not expected.allows(row["version"]):
            raise VersionConflict(row["version"])
        # It was deleted or came back in between: for the client it is as if it had asked sooner.
        raise NotFound

    async def _explain_parent(self, parent_id: UUID, project_id: UUID | None) -> NoReturn:
        row = await self._one(queries.DIAGNOSIS, **self._seen, id=parent_id)
        if row is None:
            raise ParentNotFound
        if project_id is not None and row["project_id"] != project_id:
            raise ParentElsewhere
        _check_editable(row)
        raise QuotaExceeded("todos")


def _check_editable(row: asyncpg.Record) -> None:
    if row["role"] == "viewer":
        raise Forbidden
    if row["archived"]:
        raise ProjectArchived


_FIELDS = {"title", "description", "completed", "priority"}


async def _columns(fields: dict[str, Any]) -> dict[str, Any]:
    """What the fields of an input are in the table."""
    columns = dict(fields)
    if "title" in fields:
        columns["title_key"] = text_key(fields["title"])
        columns["title_words"] = await as_column(fields["title"])
    if "description" in fields:
        text = fields["description"]
        columns["description_words"] = None if text is None else await as_column(text)
    if "priority" in fields:
        columns["priority"] = PRIORITIES.index(fields["priority"])
    if "due" in fields:
        columns |= due_columns(columns.pop("due"))
    return columns
