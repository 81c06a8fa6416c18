"""Rows as the JSON that clients get, built by PostgreSQL: an object a row, fetched as text."""

from typing import Any

from sqlalchemy import (
    CTE,
    JSON,
    FromClause,
    Select,
    Subquery,
    Text,
    case,
    cast,
    func,
    join,
    select,
    true,
    type_coerce,
)
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.selectable import LateralFromClause

from app.database.statement import AFFECTED_USERS


def instant(column: ColumnElement[Any]) -> ColumnElement[str]:
    """RFC 3339 in UTC with milliseconds and `Z`, as `schemas.format_instant` writes it."""
    return func.to_char(
        func.timezone("UTC", column),
        'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"',
    )


def as_object(row: Subquery | LateralFromClause) -> ColumnElement[Any]:
    """A row of a subquery as one JSON object, its columns in order."""
    return type_coerce(func.row_to_json(row.table_valued()), JSON)


def as_text(json: ColumnElement[Any]) -> ColumnElement[str]:
    """JSON as the driver gives it without parsing."""
    return cast(json, Text)


def document(
    fields: list[ColumnElement[Any]],
    project_id: ColumnElement[Any],
    row: FromClause,
    name: str,
    *carried: str,
) -> CTE:
    """A row's `id`, `version` and `project_id`, its `fields` as `body`, and the columns carried."""
    read = select(*fields).correlate(row).lateral("fields")
    return (
        select(
            read.c.id,
            read.c.version,
            project_id.label("project_id"),
            as_object(read).label("body"),
            *(row.c[column] for column in carried),
        )
        .select_from(join(row, read, true()))
        .cte(name)
    )


def answer_of(document: CTE, described: ColumnElement[Any] | None = None) -> Select[Any]:
    """What a `JsonRow` is made of: a document's `id` and `version`, and its `body` as text.

    The `body` is null for all but the row with the id `described`, if one is named.
    """
    body = as_text(document.c.body)
    if described is not None:
        body = case((document.c.id == described, body))
    return select(document.c.id, document.c.version, body.label("body"))


def written(
    document: CTE,
    affected_users: ColumnElement[Any],
    described: ColumnElement[Any] | None = None,
) -> Select[Any]:
    """`answer_of` a write: also its project, and an array of the users who see what it says.

    The unit of work goes by these two.
    """
    return answer_of(document, described).add_columns(
        document.c.project_id, affected_users.label(AFFECTED_USERS)
    )
