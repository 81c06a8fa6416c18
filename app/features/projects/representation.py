"""The SQL expression of each field of `ProjectRead`, in its order."""

from typing import Any

from sqlalchemy import FromClause
from sqlalchemy.sql import ColumnElement

from app.database.json_rows import instant


def representation(project: FromClause) -> list[ColumnElement[Any]]:
    """The fields of `ProjectRead`, from a row of `projects` with the viewer's `role`."""
    row = project.c
    return [
        row.id,
        row.version,
        row.parent_id,
        row.name,
        row.color,
        row.is_inbox,
        row.archived,
        row.position,
        row.role,
        row.created_by,
        instant(row.created_at).label("created_at"),
        instant(row.updated_at).label("updated_at"),
        instant(row.deleted_at).label("deleted_at"),
    ]
