"""What the todos' reads ask of PostgreSQL: each is one query, and permission is part of it."""

from functools import lru_cache
from typing import Any

from sqlalchemy import (
    DateTime,
    Integer,
    Select,
    SmallInteger,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    func,
    literal_column,
    select,
    true,
    tuple_,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement

from app.core.representation import answer_of, as_object, as_text
from app.core.statement import Statement
from app.core.tables import table_of
from app.projects.permissions import visible_to_principal
from app.todos.models import Todo
from app.todos.representation import document, representation

todos = table_of(Todo)

_project = visible_to_principal().subquery("project")
_seen = (
    select(todos)
    .join(_project, _project.c.id == todos.c.project_id)
    .where(todos.c.id == bindparam("id", type_=Uuid), todos.c.deleted_at.is_(None))
)
READ = Statement(answer_of(document(_seen.subquery("seen"), "doc")))
DIAGNOSIS = Statement(
    _seen.with_only_columns(
        todos.c.version, todos.c.project_id, _project.c.role, _project.c.archived
    )
)

# Each sort's key. Together with the id it is total, and each is an index's expression: nulls go
# last in both directions, so `due` has a key for either.
KEYS: dict[str, ColumnElement[Any]] = {
    "created_at": todos.c.created_at,
    "-created_at": todos.c.created_at,
    "due": func.coalesce(todos.c.due_local, literal_column("'infinity'::timestamp", DateTime)),
    "-due": func.coalesce(todos.c.due_local, literal_column("'-infinity'::timestamp", DateTime)),
    "position": todos.c.position,
    "-position": todos.c.position,
}

FILTERS: dict[str, ColumnElement[bool]] = {
    "parent_id": todos.c.parent_id == bindparam("parent_id", type_=Uuid),
    "top_level": todos.c.parent_id.is_(None),
    "completed": todos.c.completed_at.is_not(None),
    "open": todos.c.completed_at.is_(None),
    "priority": todos.c.priority == any_(bindparam("priority", type_=ARRAY(SmallInteger))),
}


page_limit: ColumnElement[int] = bindparam("limit", type_=Integer)


@lru_cache(maxsize=512)
def page(sort: str, filters: frozenset[str], *, is_first: bool) -> Statement:
    """The rows of a page: each row's JSON as `body`, its sort key as text, and its id.

    Each project gives its own page, by its own index, and these are merged: that costs the same
    for the first page and for the thousandth, and whoever the projects are shared with.
    """
    descending = sort.startswith("-")

    def ordered(key: ColumnElement[Any], row_id: ColumnElement[Any]) -> list[ColumnElement[Any]]:
        return [key.desc(), row_id.desc()] if descending else [key, row_id]

    project = projects(filters).subquery("project")
    key = KEYS[sort]
    rows = (
        select(todos, key.label("sort_key"))
        .where(todos.c.project_id == project.c.id, todos.c.deleted_at.is_(None))
        .where(*(FILTERS[name] for name in sorted(filters - {"project_id"})))
        .order_by(*ordered(key, todos.c.id))
        .limit(page_limit)
    )
    if not is_first:
        last = tuple_(
            cast(bindparam("last_key", type_=Text), key.type),
            bindparam("last_id", type_=Uuid),
        )
        place = tuple_(key, todos.c.id)
        rows = rows.where(place < last if descending else place > last)
    found = rows.lateral("found")
    merged = (
        select(found)
        .join_from(project, found, true())
        .order_by(*ordered(found.c.sort_key, found.c.id))
        .limit(page_limit)
    )
    return answer(merged, descending=descending)


def answer(rows: Select[Any], *, descending: bool) -> Statement:
    """What `page` gives, from todos with their `sort_key`."""
    merged = rows.subquery("merged")
    fields = select(*representation(merged)).correlate(merged).lateral("fields")
    order = (merged.c.sort_key, merged.c.id)
    return Statement(
        select(
            as_text(as_object(fields)).label("body"),
            cast(merged.c.sort_key, Text).label("sort_key"),
            merged.c.id,
        )
        .join_from(merged, fields, true())
        .order_by(*(column.desc() if descending else column for column in order))
    )


def projects(filters: frozenset[str]) -> Select[Any]:
    """Whose todos are listed: those of the named projects, or of all that are not archived."""
    if "project_id" in filters:
        ids: ColumnElement[Any] = bindparam("project_id", type_=ARRAY(Uuid))
        return visible_to_principal(among=ids)
    return visible_to_principal(archived=False)
