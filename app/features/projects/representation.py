"""The SQL expression of each field of `ProjectRead`, in its order, and the changes of members."""

from typing import Any

from sqlalchemy import (
    CTE,
    FromClause,
    Select,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import ColumnElement

from app.database.base import table_of
from app.database.changes import record
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


def members_created(rows: CTE) -> CTE:
    """Record that these users have become members."""
    return _record_members("created", rows, null())


def members_updated(rows: CTE, role_before: ColumnElement[Any]) -> CTE:
    """Record that these members have another role."""
    before = as_member(rows).concat(cast(func.jsonb_build_object("role", role_before), JSONB))
    return _record_members("updated", rows, before)


def members_deleted(rows: CTE) -> CTE:
    """Record that these users are members no more."""
    return _record_members("deleted", rows, as_member(rows))


def as_member(row: FromClause) -> ColumnElement[Any]:
    """What `changes` has of a membership: name and address are the account's, and end with it."""
    return func.jsonb_build_object(
        *("user_id", row.c.user_id),
        *("role", row.c.role),
        *("created_at", instant(row.c.created_at)),
        type_=JSONB,
    )


def _record_members(event: str, rows: CTE, before: ColumnElement[Any]) -> CTE:
    """A change is the user's, whom it is told to as well."""
    told: Select[Any] = select(
        rows.c.user_id.label("id"),
        rows.c.project_id,
        literal(f"member.{event}").label("event"),
        before.label("before"),
        as_member(rows).label("after"),
    )
    return record("member", told, f"members_{event}")
