"""The SQL expression of each field of `ProjectRead`, in its order."""

from typing import Any

from sqlalchemy import FromClause, Uuid, bindparam, case, func, select
from sqlalchemy.sql import ColumnElement

from app.database.base import table_of
from app.database.json_rows import instant
from app.features.projects.models import ProjectMember

_members = table_of(ProjectMember)


def representation(project: FromClause) -> list[ColumnElement[Any]]:
    """The fields of `ProjectRead`, from a row of `projects` with the viewer's `role`."""
    return as_placed(project, own_position(project))


def own_position(project: FromClause) -> ColumnElement[Any]:
    """The position of a row of `projects` for the principal, who orders the top level itself."""
    own = (
        select(_members.c.position)
        .where(
            _members.c.project_id == project.c.id,
            _members.c.user_id == bindparam("principal_id", type_=Uuid),
        )
        .correlate_except(_members)
        .scalar_subquery()
    )
    is_top_level = project.c.parent_id.is_(None)
    return case((is_top_level, func.coalesce(own, project.c.position)), else_=project.c.position)


def as_placed(project: FromClause, position: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """The fields of `ProjectRead`, with this position."""
    row = project.c
    return [
        row.id,
        row.version,
        row.parent_id,
        row.name,
        row.color,
        row.is_inbox,
        row.archived,
        position.label("position"),
        row.role,
        row.created_by,
        instant(row.created_at).label("created_at"),
        instant(row.updated_at).label("updated_at"),
        instant(row.deleted_at).label("deleted_at"),
    ]
