"""Rows as the JSON that clients get, built by PostgreSQL: an object a row, fetched as text.

And rows as JSON parameters, of which PostgreSQL makes rows.
"""

from collections.abc import Container, Iterable, Sequence
from typing import Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.sql.selectable import LateralFromClause

from app.core.pagination import MAX_BYTES
from app.database.statement import AFFECTED_USERS, SEEN_PROJECT


def instant(column: sa.ColumnElement[Any]) -> sa.ColumnElement[str]:
    """RFC 3339 in UTC with milliseconds and `Z`, as `schemas.format_instant` writes it."""
    return sa.func.to_char(
        sa.func.timezone("UTC", column),
        'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"',
    )


def as_object(row: sa.Subquery | LateralFromClause) -> sa.ColumnElement[Any]:
    """A row of a subquery as one JSON object, its columns in order."""
    return sa.type_coerce(sa.func.row_to_json(row.table_valued()), sa.JSON)


def as_text(row: sa.Subquery | LateralFromClause) -> sa.ColumnElement[str]:
    """The same as the driver gives it without parsing."""
    return sa.cast(as_object(row), sa.Text)


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


def written(
    document: sa.CTE,
    affected_users: sa.ColumnElement[Any],
    described: sa.ColumnElement[Any] | None = None,
    is_for_all: sa.ColumnElement[bool] | None = None,
) -> sa.Select[Any]:
    """What a write answers: a document, its `body` as text, and the users who see what it says.

    The unit of work goes by these and by the project. The `body` is null for all but the row with
    the id `described`, if one is named. One that `is_for_all` is for whoever sees the project, and
    not only for who may edit there.
    """
    body: sa.ColumnElement[Any] = sa.cast(document.c.body, sa.Text)
    if described is not None:
        body = sa.case((document.c.id == described, body))
    project_id: sa.ColumnElement[Any] = document.c.project_id
    answer = sa.select(
        document.c.id,
        document.c.version,
        body.label("body"),
        (project_id if is_for_all is None else sa.case((~is_for_all, project_id))).label(
            "project_id"
        ),
        affected_users.label(AFFECTED_USERS),
    )
    if is_for_all is None:
        return answer
    return answer.add_columns(sa.case((is_for_all, project_id)).label(SEEN_PROJECT))


def page(
    rows: sa.FromClause,
    fields: Sequence[sa.ColumnElement[Any]],
    *,
    descending: bool,
    beside: Sequence[sa.ColumnElement[Any]] = (),
) -> sa.Select[Any]:
    """A page of a list: of each row its `fields` as `body`, its `sort_key` as text, and its `id`.

    They are in the order of the last two. The columns `beside` are those of each row, and of a row
    without a body if there are no others.
    """
    read = sa.select(*fields).correlate(rows).lateral("fields")
    columns = (
        as_text(read).label("body"),
        sa.cast(rows.c.sort_key, sa.Text).label("sort_key"),
        rows.c.id,
    )
    found = sa.join(rows, read, sa.true())
    answer = sa.select(*columns).select_from(found)
    if beside:
        told = sa.select(*beside).subquery("told")
        answer = sa.select(told, *columns).select_from(sa.outerjoin(told, found, sa.true()))
    order = (rows.c.sort_key, rows.c.id)
    return answer.order_by(*(key.desc() for key in order) if descending else order)


def encode(rows: Any, names: Iterable[str], columns: Container[str]) -> str:
    """Encode as JSON. Raises `ValueError` for what is no column: PostgreSQL would ignore it."""
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise ValueError(f"no columns to write: {', '.join(unknown)}")
    # The driver's ids are a subclass of UUID, which orjson does not know.
    return orjson.dumps(rows, default=UUID.__str__).decode()
