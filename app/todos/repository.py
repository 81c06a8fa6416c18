"""The todos' rows: what to run, and what an empty answer or a violated constraint means."""

from datetime import datetime
from typing import Any, NoReturn
from uuid import UUID

import asyncpg

from app.core.database import Connection
from app.core.errors import Forbidden, IdTaken, NotFound, VersionConflict
from app.core.pagination import Position
from app.core.preconditions import Versions
from app.core.repository import Repository
from app.core.schemas import Stored, text_key
from app.core.statement import Statement, when_compiled
from app.projects.errors import ProjectArchived
from app.todos import queries, search, writes
from app.todos.deletion import DELETE, LOCK_PROJECT
from app.todos.due import due_columns
from app.todos.errors import ParentElsewhere, ParentNotFound, TooDeep
from app.todos.filters import filters_of
from app.todos.models import PRIORITIES
from app.todos.schemas import TodoCreate, TodoQuery, TodoUpdate
from app.todos.words import as_column

Seen = dict[str, UUID | None]


class TodoRepository(Repository):
    """Todos, as far as `seen` (from `permissions.seen_by`) may see and change them."""

    conflicts = {
        "pk_todos": IdTaken,
        "ck_todos_depth": TooDeep,
    }

    def __init__(self, connection: Connection, seen: Seen) -> None:
        super().__init__(connection)
        self._seen = seen

    async def read(self, todo_id: UUID) -> Stored:
        """One todo. Raises `NotFound`."""
        stored = await self._stored(queries.READ, id=todo_id)
        if stored is None:
            raise NotFound
        return stored

    async def page(
        self, query: TodoQuery, after: Position | None, now: datetime
    ) -> list[asyncpg.Record]:
        """Rows of `body`, `sort_key` and `id`; one more than asked for tells of a next page."""
        filters = filters_of(query)
        page = queries.page if query.q is None else search.page
        statement = await when_compiled(
            page,
            query.order,
            frozenset(filters),
            is_first=after is None,
            with_total=query.include_total,
        )
        values: dict[str, Any] = {**self._seen, "now": now, "limit": query.limit + 1}
        for params in filters.values():
            values |= params
        if query.q is not None:
            values |= search.terms(query.q)
        if after is not None:
            values |= {"last_key": after.key, "last_id": after.id}
        return await self._all(statement, **values)

    async def add(self, data: TodoCreate, **values: Any) -> Stored | None:
        """A new todo, or None where the project does not take it.

        Raises `IdTaken`, `TooDeep`, `ParentNotFound`, `ParentElsewhere`.
        """
        values |= _columns(data.model_dump(include=_FIELDS) | {"due": data.due})
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
        self, todo_id: UUID, data: TodoUpdate, versions: Versions, **values: Any
    ) -> Stored:
        """The todo as it then is. Raises `NotFound`, `Forbidden`, `VersionConflict`."""
        given = data.given()
        values |= _columns(given)
        statement = await when_compiled(writes.patch, frozenset(given))
        stored = await self._stored(statement, id=todo_id, versions=versions, **values)
        if stored is None:
            await self._explain(todo_id, versions)
        return stored

    async def remove(self, todo_id: UUID, versions: Versions, **values: Any) -> None:
        """Delete it and all below it. Raises as `patch` does."""
        await self._value(LOCK_PROJECT, **self._seen, id=todo_id)
        if await self._value(DELETE, **self._seen, id=todo_id, versions=versions, **values) is None:
            await self._explain(todo_id, versions)

    async def _stored(self, statement: Statement, **params: Any) -> Stored | None:
        row = await self._one(statement, **self._seen, **params)
        return None if row is None else Stored(row["id"], row["version"], row["body"])

    async def _explain(self, todo_id: UUID, versions: Versions) -> NoReturn:
        """Why a write did nothing."""
        row = await self._one(queries.DIAGNOSIS, **self._seen, id=todo_id)
        if row is None:
            raise NotFound
        _check_editable(row)
        if versions is not None and row["version"] not in versions:
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
        raise ParentNotFound


def _check_editable(row: asyncpg.Record) -> None:
    if row["role"] == "viewer":
        raise Forbidden
    if row["archived"]:
        raise ProjectArchived


_FIELDS = {"title", "description", "completed", "priority"}


def _columns(fields: dict[str, Any]) -> dict[str, Any]:
    """What the fields of an input are in the table."""
    columns = dict(fields)
    if "title" in fields:
        columns["title_key"] = text_key(fields["title"])
        columns["title_words"] = as_column(fields["title"])
    if "description" in fields:
        columns["description_words"] = as_column(fields["description"] or "") or None
    if "priority" in fields:
        columns["priority"] = PRIORITIES.index(fields["priority"])
    if "due" in fields:
        columns |= due_columns(columns.pop("due"))
    return columns
