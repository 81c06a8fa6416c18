"""Permissions of projects, for the queries of all features.

Who may see a row is part of each query, so that a forgotten check cannot leak one. What a role
permits is checked on the row that was read or locked. The statements take the parameters of
`seen_by(principal)`.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, Uuid, and_, any_, bindparam, func, literal, or_, select
from sqlalchemy.sql import ColumnElement
from sqlalchemy.sql.selectable import Subquery

from app.core.errors import Forbidden
from app.database.base import table_of
from app.database.repository import Row
from app.features.projects.errors import ProjectArchived
from app.features.projects.models import EDITOR, OWNER, Project, ProjectMember
from app.security.principal import Principal

_projects = table_of(Project)
_members = table_of(ProjectMember)
_EDITORS = (OWNER, EDITOR)


def visible_to_principal(
    *,
    only: ColumnElement[Any] | None = None,
    among: ColumnElement[Any] | None = None,
    archived: bool | None = None,
) -> Select[Any]:
    """The projects that the principal may see, one row each: `id`, `role`, `archived`.

    Limited to the one with the id `only`, to those `among` an array of ids, or by `archived`.
    """
    columns = (_projects.c.id, _members.c.role, _projects.c.archived)
    seen = joined_by_principal().with_only_columns(*columns).where(_projects.c.deleted_at.is_(None))
    if only is not None:
        seen = seen.where(_members.c.project_id == only)
    if among is not None:
        seen = seen.where(_members.c.project_id == any_(among))
    if archived is not None:
        seen = seen.where(_projects.c.archived.is_(archived))
    return seen


def joined_by_principal() -> Select[Any]:
    """The projects that the principal is a member of, those in the trash too.

    They have the columns of `visible_to_principal`, and `deleted_at`.
    """
    limit: ColumnElement[Any] = bindparam("principal_project_id", type_=Uuid)
    return (
        select(_projects.c.id, _members.c.role, _projects.c.archived, _projects.c.deleted_at)
        .join_from(_members, _projects, _projects.c.id == _members.c.project_id)
        .where(
            _members.c.user_id == bindparam("principal_id", type_=Uuid),
            or_(limit.is_(None), _members.c.project_id == limit),
        )
    )


def inbox_of_principal() -> Select[Any]:
    """The principal's own Inbox, with the columns of `visible_to_principal`."""
    return visible_to_principal().where(
        _projects.c.is_inbox,
        _projects.c.created_by == bindparam("principal_id", type_=Uuid),
    )


def named_for_principal() -> Select[Any]:
    """The projects that the principal may edit: `id`, `name`; archived ones are not among them."""
    seen = visible_to_principal().subquery("seen")
    return (
        select(_projects.c.id, _projects.c.name)
        .join_from(_projects, seen, seen.c.id == _projects.c.id)
        .where(may_edit(seen))
    )


def affected_users_of(project_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """The users who see a project."""
    return _users_of(_members.c.project_id == project_id)


def affected_users_of_all(project_ids: ColumnElement[Any]) -> ColumnElement[Any]:
    """The users who see any of these projects."""
    return _users_of(_members.c.project_id == any_(project_ids))


def _users_of(where: ColumnElement[bool]) -> ColumnElement[Any]:
    return select(func.array_agg(_members.c.user_id)).where(where).scalar_subquery()


def members_of(project_id: ColumnElement[Any]) -> Subquery:
    """The members of a project: `user_id`, `role`."""
    theirs = select(_members.c.user_id, _members.c.role)
    return theirs.where(_members.c.project_id == project_id).subquery("theirs")


def owner_of(project_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """The id of a project's owner."""
    return (
        select(_members.c.user_id)
        .where(_members.c.project_id == project_id, is_owner(_members))
        # `project_id` belongs to the statement around, however deeply this is nested in it.
        .correlate_except(_members)
        .scalar_subquery()
    )


def owned_count(owner_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """How many projects an account owns, archived and deleted ones too."""
    owned = select(func.count()).where(_members.c.user_id == owner_id, is_owner(_members))
    return owned.correlate_except(_members).scalar_subquery()


def owned_by(owner_id: ColumnElement[Any]) -> Select[Any]:
    """The ids of an account's own projects, archived and deleted ones too."""
    return select(_members.c.project_id).where(_members.c.user_id == owner_id, is_owner(_members))


def affected_users_of_owner(owner_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """The users who see any project of this owner, itself too."""
    own = _members.alias("own")
    theirs = _members.c.project_id == own.c.project_id
    return (
        select(func.array_agg(_members.c.user_id.distinct()))
        .where(own.c.user_id == owner_id, is_owner(own), theirs)
        .correlate_except(_members, own)
        .scalar_subquery()
    )


def affected_users_beside(user_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """A user, and all who share a project with them: these see who it is."""
    own, other = _members.alias("own"), _members.alias("other")
    beside = (
        select(func.array_agg(other.c.user_id.distinct()))
        .where(own.c.user_id == user_id, other.c.project_id == own.c.project_id)
        .correlate_except(own, other)
        .scalar_subquery()
    )
    return func.array_append(beside, user_id)


def may_edit_all(project_ids: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the principal may edit in all of these projects, even deleted ones."""
    return _are_among(project_ids, _members.c.role.in_(_EDITORS))


def sees_all(project_ids: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether the principal is a member of all of these projects, even deleted ones."""
    return _are_among(project_ids)


def _are_among(project_ids: ColumnElement[Any], *where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether these are all projects of the principal's memberships that are so."""
    limit: ColumnElement[Any] = bindparam("principal_project_id", type_=Uuid)
    mine = select(_members.c.project_id).where(
        _members.c.user_id == bindparam("principal_id", type_=Uuid),
        or_(limit.is_(None), _members.c.project_id == limit),
        *where,
    )
    return project_ids.op("<@")(func.array(mine.scalar_subquery()))


def may_edit(project: Any) -> ColumnElement[bool]:
    """Whether the role permits to edit in the project, and it is not archived."""
    return and_(is_editor(project), project.c.archived.is_(False))


def is_editor(row: Any) -> ColumnElement[bool]:
    """Whether the row's `role` may edit."""
    role: ColumnElement[str] = row.c.role
    return role.in_(_EDITORS)


def is_owner(row: Any) -> ColumnElement[bool]:
    """Whether the row's `role` is owner."""
    role: ColumnElement[str] = row.c.role
    return role == literal(OWNER)


def seen_by(principal: Principal) -> dict[str, UUID | None]:
    """The parameters of a statement that uses `visible_to_principal`."""
    return {
        "principal_id": principal.user_id,
        "principal_project_id": principal.project_id,
    }


def require_editor(row: Row) -> None:
    """Raise `Forbidden` unless the row's `role` may edit."""
    if row["role"] not in _EDITORS:
        raise Forbidden


def require_editable(row: Row) -> None:
    """Raise `Forbidden` unless the row's `role` may edit, `ProjectArchived` if it is archived."""
    require_editor(row)
    if row["archived"]:
        raise ProjectArchived


def require_owner(row: Row) -> None:
    """Raise `Forbidden` unless the row's `role` is owner."""
    if not owns(row["role"]):
        raise Forbidden


def owns(role: str | None) -> bool:
    """Whether this is the owner's role."""
    return role is not None and role == str(OWNER)
