"""The statements of projects; the service says which of them make up a write.

A write that adds to a tree of projects or deletes from it first takes the lock of its root
(`LOCK_ROOT`), so that no project is added below one that is being deleted. Rows are locked from the
leaves to the root.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import (
    CTE,
    DateTime,
    Integer,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    insert,
    or_,
    select,
    tuple_,
)
from sqlalchemy.sql import ColumnElement

from app.database import json_rows
from app.database.base import table_of
from app.database.row_changes import Resource, only_principal
from app.database.statement import Statement
from app.features.projects.models import Project, ProjectMember
from app.features.projects.permissions import (
    affected_users_of,
    is_owner,
    may_edit,
    owned_count,
    owner_of,
    visible_to_principal,
)
from app.features.projects.representation import own_position, representation

projects = table_of(Project)
members = table_of(ProjectMember)

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_now: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))
_principal_id: ColumnElement[Any] = bindparam("principal_id", type_=Uuid)
_parent_id: ColumnElement[Any] = bindparam("parent_id", type_=Uuid)
_quota: ColumnElement[Any] = bindparam("quota", type_=Integer)
# The principal's role in the project that is written.
_role: ColumnElement[Any] = bindparam("role", type_=Text)

PROJECTS = Resource(
    "project",
    projects,
    representation,
    project_id=lambda row: row.c.id,
    affected_users=lambda document: affected_users_of(document.c.project_id),
    personal={"role": _role},
)

_visible = visible_to_principal().subquery("visible")
_visible_project = (
    select(projects, _visible.c.role)
    .join(_visible, _visible.c.id == projects.c.id)
    .where(projects.c.id == _id, projects.c.deleted_at.is_(None))
)


def _has_room(owner_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """Whether an account may own one project more."""
    return or_(_quota.is_(None), owned_count(owner_id) < _quota).label("has_room")


def _memberships(values: Select[Any]) -> CTE:
    """Insert members: user, project, role, since when."""
    columns = ["user_id", "project_id", "role", "created_at"]
    return insert(members).from_select(columns, values).cte("memberships")


def _create() -> Statement:
    """Insert a project at the top level, and its owner's membership."""
    place = select(_has_room(_principal_id)).cte("place")
    return PROJECTS.insert(
        place,
        place.c.has_room,
        also=lambda new: _memberships(select(_principal_id, new.c.id, _role, _now)),
        # A statement does not see the membership that it inserts itself.
        affected_users=only_principal,
    )


def _up(start: Select[Any]) -> CTE:
    """From a project (`start`) to its root."""
    up = start.with_only_columns(projects.c.id, projects.c.parent_id).cte("up", recursive=True)
    above = select(projects.c.id, projects.c.parent_id)
    return up.union_all(above.join(up, up.c.parent_id == projects.c.id))


def _root_of(project_id: ColumnElement[Any]) -> ColumnElement[Any]:
    """The id of a project's root, for whoever waited for its lock: it may be another one then."""
    up = _up(select(projects).where(projects.c.id == project_id))
    return select(up.c.id).where(up.c.parent_id.is_(None)).scalar_subquery().label("root_id")


def _create_below() -> Statement:
    """Insert a project below another one, with the members of that, which are those of the root."""
    parent = visible_to_principal(only=_parent_id).subquery("parent")
    place = (
        select(parent, projects.c.depth, _has_room(owner_of(_parent_id)), _root_of(_parent_id))
        .join_from(parent, projects, projects.c.id == parent.c.id)
        .cte("place")
    )

    def copied(new: CTE) -> CTE:
        theirs = select(members.c.user_id, new.c.id, members.c.role, members.c.created_at)
        return _memberships(theirs.where(members.c.project_id == _parent_id))

    as_member = replace(PROJECTS, personal={"role": select(place.c.role).scalar_subquery()})
    return as_member.insert(
        place,
        may_edit(place) & place.c.has_room,
        "role",
        "archived",
        "root_id",
        also=copied,
        affected_users=affected_users_of(_parent_id),
        depth=place.c.depth + 1,
    )


def _lock_tree() -> Statement:
    """Lock a project and, for its owner, all below it; the project is the last row."""
    tree = _visible_project.with_only_columns(projects.c.id, _visible.c.role).cte(
        "tree", recursive=True
    )
    below = select(projects.c.id, tree.c.role).join(tree, projects.c.parent_id == tree.c.id)
    tree = tree.union_all(below.where(is_owner(tree)))
    return Statement(
        select(projects.c.id, projects.c.version, tree.c.role, _root_of(_id))
        .join(tree, tree.c.id == projects.c.id)
        .where(projects.c.deleted_at.is_(None))
        .order_by(projects.c.depth.desc(), projects.c.id)
        .with_for_update(of=projects, key_share=True)
    )


def _lock_root() -> Statement:
    """Take the advisory lock of a project's tree; its key is the id of the root."""
    # Only for a visible project: nobody else can make its users wait, or notice that they do.
    up = _up(_visible_project)
    key = func.hashtextextended(cast(up.c.id, Text), 0)
    return Statement(
        select(up.c.id, func.pg_advisory_xact_lock(key)).where(up.c.parent_id.is_(None))
    )


def page(sort: str, filters: frozenset[str], *, is_first: bool, with_total: bool) -> Statement:
    """The statement of a page: each row has its JSON (`body`), its sort key as text, and its id.

    The total is a column of each row, and of a row without a body if the page is empty.
    """
    name = sort.removeprefix("-")
    key = own_position(projects) if name == "position" else projects.c[name]
    place = tuple_(key, projects.c.id)
    last = tuple_(
        cast(bindparam("last_key", type_=Text), key.type), bindparam("last_id", type_=Uuid)
    )
    descending = sort.startswith("-")
    conditions = {
        "parent_id": projects.c.parent_id == _parent_id,
        "top_level": projects.c.parent_id.is_(None),
    }
    matching = (
        select(projects, _visible.c.role, key.label("sort_key"))
        .join(_visible, _visible.c.id == projects.c.id)
        .where(projects.c.archived == bindparam("archived", type_=projects.c.archived.type))
        .where(*(conditions[name] for name in sorted(filters)))
    )
    rows = matching.order_by(
        *((key.desc(), projects.c.id.desc()) if descending else (key, projects.c.id))
    ).limit(bindparam("limit", type_=Integer))
    if not is_first:
        rows = rows.where(place < last if descending else place > last)
    found = rows.subquery("found")
    total = matching.with_only_columns(func.count()).scalar_subquery().label("total")
    fields, beside = representation(found), [total] if with_total else []
    return Statement(json_rows.page(found, fields, descending=descending, beside=beside))


CREATE = _create()
CREATE_BELOW = _create_below()
READ = PROJECTS.read(_visible_project)
LOCK = PROJECTS.lock(_visible_project, "role", "archived")
LOCK_TREE = _lock_tree()
LOCK_ROOT = _lock_root()
UPDATE = PROJECTS.update()
