"""The SQL expression of a due."""

from typing import Any

from sqlalchemy import JSON, FromClause, case, func, null, type_coerce
from sqlalchemy.sql import ColumnElement


def due_json(row: FromClause) -> ColumnElement[Any]:
    """What `due_of` reads, as JSON."""
    day = func.json_build_object("date", func.to_char(row.c.due_local, "YYYY-MM-DD"))
    time = func.json_build_object(
        "datetime",
        func.to_char(row.c.due_local, 'YYYY-MM-DD"T"HH24:MI:SS'),
        "timezone",
        row.c.due_timezone,
    )
    return type_coerce(
        case((row.c.due_local.is_(None), null()), (row.c.due_all_day, day), else_=time),
        JSON,
    )
