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
from app.features.due.representation import due_json
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
        due_json(todo).label("due"),
        _recurrence(todo).label("recurrence"),
        row.labels,
        row.position,
        row.subtask_count,
        row.completed_subtask_count,
        row.created_by,
        instant(row.created_at).label("created_at"),
        instant(row.updated_at).label("updated_at"),
        instant(row.deleted_at).label("deleted_at"),
    ]


def _recurrence(todo: FromClause) -> ColumnElement[Any]:
    """Null without a due, too: an older version may have cleared that alone."""
    row = todo.c
    value = func.json_build_object(
        "rrule", row.recurrence_rrule, "repeat_from", row.recurrence_from
    )
    repeats = row.recurrence_rrule.is_not(None) & row.due_local.is_not(None)
    return type_coerce(case((repeats, value), else_=null()), JSON)
