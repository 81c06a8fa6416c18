"""Rows as the JSON that clients get, built by PostgreSQL: an object a row, fetched as text."""

from typing import Any

from sqlalchemy import (
    CTE,
    JSON,
    Select,
    Subquery,
    Text,
    cast,
    func,
    select,
    type_coerce,
)
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.selectable import LateralFromClause

from app.database.statement import AUDIENCE


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


def answer_of(doc: CTE) -> Select[Any]:
    """What a `JsonRow` is made of: a document's `id` and `version`, and its `body` as text."""
    return select(doc.c.id, doc.c.version, as_text(doc.c.body).label("body"))


def written(doc: CTE, audience: ColumnElement[Any]) -> Select[Any]:
    """`answer_of` a write: also its project, and an array of the users who see what it says.

    `UnitOfWork` goes by these two.
    """
    return answer_of(doc).add_columns(doc.c.project_id, audience.label(AUDIENCE))
