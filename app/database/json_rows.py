"""Rows as the JSON that clients get, built by PostgreSQL: an object a row, fetched as text.

And rows as JSON parameters, of which PostgreSQL makes rows.
"""

from collections.abc import Container, Iterable
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.sql.selectable import LateralFromClause

from app.core.pagination import MAX_BYTES
from app.database.statement import AFFECTED_USERS


def instant(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """RFC 3339 in UTC with milliseconds and `Z`, as `schemas.format_instant` writes it."""
    return sa.func.to_char(
        sa.func.timezone("UTC", column),
        'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"',
    )


def as_object(row: sa.Subquery | LateralFromClause) -> sa.ColumnElement[Any]:
    """A row of a subquery as one JSON object, its columns in order."""
    return sa.type_coerce(sa.func.row_to_json(row.table_valued()), sa.JSON)


def as_text(json: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """JSON as the driver gives it without parsing."""
    return sa.cast(json, sa.Text)


def fitting(
    rows: sa.Subquery, size: sa.ColumnElement[Any], order: list[sa.ColumnElement[Any]]
) -> sa.Subquery:
    """The rows of a page of 4 MiB, of those in this order; `Cursors.page` cuts exactly.

    `size` is that of each row's text, in bytes. What is cut is not sent.
    """
    before = sa.func.sum(size).over(order_by=order, rows=(None, -1))
    sized = sa.select(rows, before.label("before")).subquery("sized")
    fits = sa.func.coalesce(sized.c.before, 0) < MAX_BYTES
    return sa.select(sized).where(fits).subquery("fitting")


def document(
    fields: list[sa.ColumnElement[Any]],
    project_id: sa.ColumnElement[Any],
    row: sa.FromClause,
    name: str,
    *carried: str,
) -> sa.CTE:
    """A row's `id`, `version` and `project_id`, its `fields` as `body`, and the columns carried."""
    read = sa.select(*fields).correlate(row).lateral("fields")
    return (
        sa.select(
            read.c.id,
            read.c.version,
            project_id.label("project_id"),
            as_object(read).label("body"),
            *(row.c[column] for column in carried),
        )
        .select_from(sa.join(row, read, sa.true()))
        .cte(name)
    )


def answer_of(document: sa.CTE, described: sa.ColumnElement[Any] | None = None) -> sa.Select[Any]:
    """What a `JsonRow` is made of: a document's `id` and `version`, and its `body` as text.

    The `body` is null for all but the row with the id `described`, if one is named.
    """
    body = as_text(document.c.body)
    if described is not None:
        body = sa.case((document.c.id == described, body))
    return sa.select(document.c.id, document.c.version, body.label("body"))


def written(
    document: sa.CTE,
    affected_users: sa.ColumnElement[Any],
    described: sa.ColumnElement[Any] | None = None,
) -> sa.Select[Any]:
    """`answer_of` a write: also its project, and an array of the users who see what it says.

    The unit of work goes by these two.
    """
    return answer_of(document, described).add_columns(
        document.c.project_id, affected_users.label(AFFECTED_USERS)
    )


def encode(rows: Any, names: Iterable[str], columns: Container[str]) -> str:
    """Encode as JSON. Raises `ValueError` for what is no column: PostgreSQL would ignore it."""
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise ValueError(f"no columns to write: {', '.join(unknown)}")
    # The driver's ids are a subclass of UUID, which orjson does not know.
    return orjson.dumps(rows, default=UUID.__str__).decode()
