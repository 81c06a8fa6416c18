"""What is in the trash on its own account leaves what is purged, below which it is."""

from typing import Any

from sqlalchemy import (
    CTE,
    FromClause,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement

from app.database.statement import Statement
from app.features.projects.permissions import owner_of
from app.features.projects.statements import projects
from app.features.todos.sql.writes import todos

_ids: ColumnElement[Any] = bindparam("ids", type_=ARRAY(Uuid))
_position: ColumnElement[Any] = bindparam("position", type_=Text)
_no_id: ColumnElement[Any] = cast(null(), Uuid)


def _is_taken(row: FromClause, ids: ColumnElement[Any] = _ids) -> ColumnElement[bool]:
    """Whether a row went with one of these deletions."""
    return func.coalesce(row.c.deletion_id == any_(ids), literal_column("false"))


def _hanging(table: FromClause, name: str) -> CTE:
    """What is below purged rows on account of another deletion, and all below that.

    `shift` is how many levels higher it gets; `is_top`: its parent is gone.
    """
    parent, child = table.alias("parent"), table.alias("child")
    top = (
        select(
            child.c.id,
            child.c.deletion_id,
            (child.c.depth - 1).label("shift"),
            literal_column("true").label("is_top"),
        )
        .join(parent, _is_above(parent, child))
        .where(parent.c.deletion_id == any_(_ids), ~_is_taken(child))
        .cte(name, recursive=True)
    )
    low = table.alias("low")
    high = table.alias("high")
    below = (
        select(low.c.id, low.c.deletion_id, top.c.shift, literal_column("false"))
        .join_from(top, high, high.c.id == top.c.id)
        .join(low, _is_above(high, low))
        # That one begins anew.
        .where(~(_is_taken(high) & ~_is_taken(low)))
    )
    return top.union_all(below)


def _is_above(parent: FromClause, child: FromClause) -> ColumnElement[bool]:
    is_parent: ColumnElement[bool] = child.c.parent_id == parent.c.id
    if "project_id" in child.c:
        # The index begins with it.
        is_parent &= child.c.project_id == parent.c.project_id
    return is_parent


def _raised(tree: CTE) -> dict[str, ColumnElement[Any]]:
    """The columns of todos that come to the top level, with what is below them."""
    # Positions of the top level, and each another one.
    own = _position + func.replace(cast(todos.c.id, Text), "-", "") + literal_column("'V'")
    return {
        "parent_id": case((tree.c.is_top, _no_id), else_=todos.c.parent_id),
        "depth": todos.c.depth - tree.c.shift,
        "position": case((tree.c.is_top, own), else_=todos.c.position),
    }


def _relocate() -> Statement:
    """Put what is in the trash on its own account in these projects into the owner's Inbox."""
    parent = todos.alias("parent")
    top = (
        select(
            todos.c.id,
            todos.c.project_id,
            (todos.c.depth - 1).label("shift"),
            literal_column("true").label("is_top"),
        )
        .outerjoin(parent, _is_above(parent, todos))
        .where(
            todos.c.project_id == any_(_ids),
            todos.c.deletion_id == todos.c.id,
            parent.c.deletion_id.is_(None),
        )
        .cte("tree", recursive=True)
    )
    below = select(todos.c.id, todos.c.project_id, top.c.shift, literal_column("false")).join(
        top, (todos.c.project_id == top.c.project_id) & (todos.c.parent_id == top.c.id)
    )
    tree = top.union_all(below)
    inbox = projects.alias("inbox")
    return Statement(
        update(todos)
        .where(
            todos.c.id == tree.c.id,
            inbox.c.is_inbox,
            inbox.c.created_by == owner_of(todos.c.project_id),
        )
        .values(**_raised(tree), project_id=inbox.c.id)
        .returning(todos.c.id)
    )


def _detach_todos() -> Statement:
    tree = _hanging(todos, "tree")
    moved = update(todos).where(todos.c.id == tree.c.id).values(**_raised(tree))
    return Statement(moved.returning(todos.c.id))


def _detach_projects() -> Statement:
    tree = _hanging(projects, "tree")
    return Statement(
        update(projects)
        .where(projects.c.id == tree.c.id)
        .values(
            parent_id=case((tree.c.is_top, _no_id), else_=projects.c.parent_id),
            depth=projects.c.depth - tree.c.shift,
            position=case((tree.c.is_top, _position), else_=projects.c.position),
        )
        .returning(projects.c.id)
    )


DETACH_TODOS = _detach_todos()
DETACH_PROJECTS = _detach_projects()
RELOCATE = _relocate()
