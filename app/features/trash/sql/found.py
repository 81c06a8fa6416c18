"""Finds what is to be purged, takes the locks of all projects that it changes, then of the rows."""

from typing import Any

from sqlalchemy import (
    DateTime,
    Select,
    Table,
    Uuid,
    any_,
    bindparam,
    func,
    literal,
    literal_column,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement

from app.database.statement import Statement
from app.features.projects.permissions import is_owner, joined_by_principal, owner_of
from app.features.projects.statements import projects
from app.features.todos.sql.writes import project_lock, todos

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_ids: ColumnElement[Any] = bindparam("ids", type_=ARRAY(Uuid))
# What is in the trash since then stays; null: all goes.
_before: ColumnElement[Any] = bindparam("before", type_=DateTime(timezone=True))
_place = joined_by_principal().subquery("place")


def _items(*, todo: ColumnElement[bool], project: ColumnElement[bool]) -> Select[Any]:
    """What is in the trash of the principal: todos and projects with its role there."""
    of_todos = (
        select(literal("todo").label("type"), todos.c.id, todos.c.project_id, _place.c.role)
        .join(_place, _place.c.id == todos.c.project_id)
        .where(todos.c.deletion_id == todos.c.id, todo)
    )
    of_projects = (
        select(literal("project"), projects.c.id, projects.c.id, _place.c.role)
        .join(_place, _place.c.id == projects.c.id)
        .where(projects.c.deletion_id == projects.c.id, project)
    )
    return select(of_todos.union_all(of_projects).subquery("either"))


def _swept() -> Select[Any]:
    """What is in the trash, whosever it is, of the `ids`."""
    of_todos = select(literal("todo").label("type"), todos.c.id, todos.c.project_id)
    of_projects = select(literal("project"), projects.c.id, projects.c.id)
    either = of_todos.where(todos.c.deletion_id == todos.c.id, todos.c.id == any_(_ids)).union_all(
        of_projects.where(projects.c.deletion_id == projects.c.id, projects.c.id == any_(_ids))
    )
    return select(either.subquery("either"))


def find(items: Select[Any]) -> Statement:
    """Find what is to be purged, and take the locks of all projects that this changes.

    These are the projects of todos; and of projects the roots, all that went along, and the
    owner's Inbox.
    """
    found = items.cte("found").prefix_with("MATERIALIZED")
    whole = select(found.c.id).where(found.c.type == "project")
    taken = select(projects.c.id, projects.c.parent_id).where(projects.c.deletion_id.in_(whole))
    up = taken.cte("up", recursive=True)
    above = select(projects.c.id, projects.c.parent_id)
    up = up.union(above.join(up, up.c.parent_id == projects.c.id))
    inbox = projects.alias("inbox")
    keys = union_all(
        select(found.c.project_id.label("id")),
        select(up.c.id),
        select(inbox.c.id)
        .join_from(
            found, inbox, inbox.c.is_inbox & (inbox.c.created_by == owner_of(found.c.project_id))
        )
        .where(found.c.type == "project"),
    ).subquery("keys")
    ordered = select(keys.c.id).distinct().order_by(keys.c.id).offset(literal(0)).subquery("o")
    locks = select(func.count(project_lock(ordered.c.id))).select_from(ordered).scalar_subquery()
    return Statement(select(found, locks.label("locks")))


def _list_todos() -> Statement:
    """What went with these deletions, with all below it, and what is in these projects.

    In the order in which todos are locked: from the leaves to the root. The locks of the projects
    are held, so that all of it stays so.
    """
    columns = (todos.c.id, todos.c.project_id)
    went = select(*columns).where(todos.c.deletion_id == any_(_ids)).cte("went", recursive=True)
    is_below = (todos.c.project_id == went.c.project_id) & (todos.c.parent_id == went.c.id)
    went = went.union(select(*columns).join(went, is_below))
    whole = select(todos.c.id).where(
        todos.c.project_id == any_(bindparam("project_ids", type_=ARRAY(Uuid)))
    )
    ids = func.array(select(went.c.id).union_all(whole).scalar_subquery())
    return Statement(
        select(*columns, todos.c.deletion_id, todos.c.deleted_at)
        .where(todos.c.id == any_(ids))
        .order_by(todos.c.depth.desc(), todos.c.id)
    )


def _expired(table: Table, limit: int) -> Statement:
    """Some of what was deleted before the rest, and before `before`; after the one named last."""
    at: ColumnElement[Any] = bindparam("at", type_=DateTime(timezone=True))
    last = tuple_(at, bindparam("last", type_=Uuid))
    return Statement(
        select(table.c.id, table.c.deleted_at)
        .where(
            table.c.deletion_id == table.c.id,
            table.c.deleted_at < _before,
            tuple_(table.c.deleted_at, table.c.id) > last,
        )
        .order_by(table.c.deleted_at, table.c.id)
        .limit(literal_column(str(limit)))
    )


FIND_ONE = find(_items(todo=todos.c.id == _id, project=projects.c.id == _id))
FIND_ALL = find(_items(todo=is_owner(_place), project=is_owner(_place)))
FIND_SWEPT = find(_swept())
HOLD_PROJECTS = Statement(
    select(projects.c.id, projects.c.deletion_id)
    .where(
        projects.c.deletion_id == any_(_ids),
        or_(_before.is_(None), projects.c.deleted_at < _before),
    )
    .order_by(projects.c.depth.desc(), projects.c.id)
    .with_for_update()
)
LIST_TODOS = _list_todos()
HOLD_TODOS = Statement(
    select(todos.c.id)
    .where(todos.c.id == any_(_ids))
    .order_by(todos.c.depth.desc(), todos.c.id)
    .with_for_update()
)
# Todos first: they were deleted before the project that they are in, which may be large.
EXPIRED = (_expired(todos, 100), _expired(projects, 1))
