"""The statements of completions."""

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Column,
    FromClause,
    Integer,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    delete,
    func,
    insert,
    join,
    literal_column,
    outerjoin,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import ColumnElement

from app.database.base import table_of
from app.database.json_rows import as_object, as_text, instant
from app.database.statement import Statement
from app.features.due.representation import due_json
from app.features.recurrence.models import Completion

completions = table_of(Completion)

_todo_id: ColumnElement[Any] = bindparam("todo_id", type_=Uuid)
_id: ColumnElement[Any] = bindparam("id", type_=Uuid)


def representation(completion: FromClause) -> list[ColumnElement[Any]]:
    """The fields of `CompletionRead`."""
    row = completion.c
    return [
        row.id,
        instant(row.completed_at).label("completed_at"),
        row.completed_by,
        due_json(completion).label("occurrence"),
    ]


def _insert() -> Statement:
    """Insert the rows of the parameter `given`; returns their JSON."""
    empty: ColumnElement[Any] = literal_column("NULL::completions")
    given = func.jsonb_populate_recordset(empty, bindparam("given", type_=JSONB)).table_valued(
        *(Column(column.name, column.type) for column in completions.c), name="given_row"
    )
    new: CTE = (
        insert(completions)
        .from_select([*completions.c.keys()], select(*given.c))
        .returning(*completions.c)
        .cte("new")
    )
    fields = select(*representation(new)).correlate(new).lateral("fields")
    return Statement(
        select(new.c.todo_id, new.c.id, as_text(as_object(fields)).label("body")).select_from(
            join(new, fields, true())
        )
    )


def _latest() -> Statement:
    """The latest completion of a todo; no row if the todo has none with the id `id`."""
    this = (
        select(completions.c.todo_version)
        .where(completions.c.todo_id == _todo_id, completions.c.id == _id)
        .scalar_subquery()
    )
    return Statement(
        select(completions)
        .where(completions.c.todo_id == _todo_id, completions.c.todo_version >= this)
        .order_by(completions.c.todo_version.desc())
        .limit(literal_column("1"))
    )


def taken_back(todo_ids: Select[Any]) -> CTE:
    """Delete the latest completion of each of these todos, if it is the last of its series.

    For the statement that changes the todos.
    """
    todo = todo_ids.subquery("todo")
    latest = (
        select(completions.c.id, completions.c.is_last)
        .where(completions.c.todo_id == todo.c.id)
        .order_by(completions.c.todo_version.desc())
        .limit(literal_column("1"))
        .lateral("latest")
    )
    last = select(latest.c.id).join_from(todo, latest, true()).where(latest.c.is_last)
    return (
        delete(completions)
        .where(completions.c.id == any_(func.array(last.scalar_subquery())))
        .returning(completions.c.id)
        .cte("taken_back")
    )


INSERT = _insert()
LATEST = _latest()
DELETE = Statement(delete(completions).where(completions.c.id == _id).returning(completions.c.id))


def page(seen: Select[Any], *, is_first: bool, with_total: bool) -> Statement:
    """The statement of a page of the completions of the todo that `seen` finds, the newest first.

    If there are none on the page, it is one row without a body; no row means that nothing is seen.
    """
    todo = seen.subquery("todo")
    mine = select(completions).where(completions.c.todo_id == todo.c.id)
    rows = mine.correlate(todo)
    if not is_first:
        last = cast(cast(bindparam("last_key", type_=Text), BigInteger), Integer)
        rows = rows.where(completions.c.todo_version < last)
    found = (
        rows.order_by(completions.c.todo_version.desc())
        .limit(bindparam("limit", type_=Integer))
        .lateral("found")
    )
    fields = select(*representation(found)).correlate(found).lateral("fields")
    columns = [
        as_text(as_object(fields)).label("body"),
        cast(found.c.todo_version, Text).label("sort_key"),
        found.c.id,
    ]
    if with_total:
        counted = mine.with_only_columns(func.count()).correlate(todo).scalar_subquery()
        columns.append(counted.label("total"))
    return Statement(
        select(*columns)
        .select_from(outerjoin(todo, join(found, fields, true()), true()))
        .order_by(found.c.todo_version.desc())
    )
