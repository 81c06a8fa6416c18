"""The SQL expression of each field of `TodoRead`, in its order."""

from typing import Any

from sqlalchemy import (
    JSON,
    FromClause,
    String,
    case,
    func,
    literal_column,
    null,
    type_coerce,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement

from app.database.json_rows import instant
from app.features.todos.models import PRIORITIES

_priority_names: ColumnElement[Any] = literal_column(
    f"(ARRAY{list(PRIORITIES)})", ARRAY(String, zero_indexes=False)
)


def representation(todo: FromClause) -> list[ColumnElement[Any]]:
    """The fields of `TodoRead`, from a row of `todos`."""
    row = todo.c
    return [
        row.id,
        row.version,
        row.project_id,
        row.parent_id,
        row.title,
        row.description,
        row.completed_at.is_not(None).label("completed"),
        instant(row.completed_at).label("completed_at"),
        _priority_names[row.priority + 1].label("priority"),
        _due(todo).label("due"),
        row.labels,
        row.position,
        row.subtask_count,
        row.completed_subtask_count,
        row.created_by,
        instant(row.created_at).label("created_at"),
        instant(row.updated_at).label("updated_at"),
        instant(row.deleted_at).label("deleted_at"),
    ]


def _due(todo: FromClause) -> ColumnElement[Any]:
    row = todo.c
    day = func.json_build_object("date", func.to_char(row.due_local, "YYYY-MM-DD"))
    time = func.json_build_object(
        "datetime",
        func.to_char(row.due_local, 'YYYY-MM-DD"T"HH24:MI:SS'),
        "timezone",
        row.due_timezone,
    )
    return type_coerce(
        case((row.due_local.is_(None), null()), (row.due_all_day, day), else_=time),
        JSON,
    )
