"""The statements that restore a todo, in the order in which they run.

All that changes where a todo stands, deletes, restores or purges one holds the lock of its project.
So where the todos are that `LOCK` finds stays so until the transaction ends.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    Select,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    func,
    literal,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.sql import ColumnElement

from app.database.statement import Statement
from app.features.projects.permissions import inbox_of_principal, joined_by_principal, owner_of
from app.features.todos.sql.moves import MOVE, labels_of
from app.features.todos.sql.quota import has_room
from app.features.todos.sql.writes import HOLD_IN_PROJECT, UPDATE, project_lock, todos

__all__ = ["HOLD_IN_PROJECT", "LOCK", "LOCK_PROJECTS", "MOVE", "UPDATE"]

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_project_id: ColumnElement[Any] = bindparam("project_id", type_=Uuid)
# Where it goes if it does not stay in its project.
_target_id: ColumnElement[Any] = bindparam("target_id", type_=Uuid)
_place = joined_by_principal().subquery("place")
_is_trashed = (todos.c.id == _id) & (todos.c.deletion_id == todos.c.id)


def _lock_projects() -> Statement:
    """The project of the todo `id` in the trash, and the Inbox if that project is in the trash.

    Each with its lock, in the order of the ids. `foreign_labels` are those of the todo and all
    below it, if the owner of the project is another one.
    """
    seen = (
        select(todos.c.project_id, _place.c.deleted_at.is_not(None).label("is_left"))
        .join(_place, _place.c.id == todos.c.project_id)
        .where(_is_trashed)
        .cte("seen")
    )
    inbox = inbox_of_principal().subquery("inbox")
    target = select(seen, inbox.c.id.label("target_id")).outerjoin_from(seen, inbox, seen.c.is_left)
    found = target.cte("found")
    keys = select(found.c.project_id.label("id")).union(select(found.c.target_id))
    # OFFSET keeps the subquery, and so its order, apart.
    in_order = keys.subquery("keys")
    ordered = select(in_order).order_by(in_order.c.id).offset(literal(0)).subquery("ordered")
    locks = select(func.count(project_lock(ordered.c.id))).select_from(ordered).scalar_subquery()
    has_same_owner = owner_of(found.c.project_id) == owner_of(found.c.target_id)
    labels = case(
        (or_(found.c.target_id.is_(None), has_same_owner), null()),
        else_=labels_of(_tree(select(todos.c.id, todos.c.project_id).where(_is_trashed))),
    )
    return Statement(select(found, locks, labels.label("foreign_labels")))


def _lock() -> Statement:
    """Lock the todo `id`, all below it, and those above it, which are not in the trash.

    Each row says what its place is: `role`, `archived` and `is_left` of its project, the position
    of the last todo at the top level of where it may go, and whether its owner has room.
    """
    start = select(todos.c.id, todos.c.project_id).where(_is_trashed)
    tree, chain = _tree(start.where(todos.c.project_id == _project_id)), _chain()
    ids = select(tree.c.id).union_all(select(chain.c.id))
    goes_to = func.coalesce(_target_id, _project_id)
    last = (
        select(todos.c.position)
        .where(todos.c.project_id == goes_to, todos.c.parent_id.is_(None))
        .order_by(todos.c.parent_id.desc(), todos.c.position.desc())
        .limit(literal(1))
        .scalar_subquery()
    )
    size = select(func.count()).select_from(tree).scalar_subquery()
    has_same_owner = owner_of(goes_to) == owner_of(_project_id)
    # As a subquery of its own, it is asked once, and not for each row.
    told = select(
        last.label("last"), or_(has_same_owner, has_room(goes_to, size)).label("has_room")
    ).cte("told")
    columns = (
        *(todos.c.id, todos.c.version, todos.c.project_id, todos.c.parent_id, todos.c.depth),
        *(todos.c.deleted_at, todos.c.deletion_id, todos.c.completed_at),
        *(todos.c.labels, todos.c.label_keys),
        *(todos.c.subtask_count, todos.c.completed_subtask_count),
    )
    return Statement(
        select(
            *columns,
            *(_place.c.role, _place.c.archived),
            _place.c.deleted_at.is_not(None).label("is_left"),
            *(told.c.last, told.c.has_room),
        )
        .join(_place, _place.c.id == todos.c.project_id)
        .join(told, true())
        # An array is looked up in the index.
        .where(todos.c.id == any_(func.array(ids.scalar_subquery())))
        .order_by(todos.c.depth.desc(), todos.c.id)
        .with_for_update(of=todos, key_share=True)
    )


def _tree(todo: Select[Any]) -> CTE:
    """A todo and all below it, what went with other deletions too."""
    found = todo.cte("tree", recursive=True)
    below = (todos.c.project_id == found.c.project_id) & (todos.c.parent_id == found.c.id)
    return found.union_all(select(todos.c.id, todos.c.project_id).join(found, below))


def _chain() -> CTE:
    """All above the todo, if its parent is not in the trash and it does not go elsewhere."""
    todo = todos.alias("todo")
    columns = (todos.c.id, todos.c.project_id, todos.c.parent_id)

    def above(row: Any) -> ColumnElement[bool]:
        return and_(todos.c.project_id == row.c.project_id, todos.c.id == row.c.parent_id)

    parent = select(*columns).join(todo, above(todo))
    chain = parent.where(
        todo.c.id == _id, todos.c.deleted_at.is_(None), _target_id.is_not_distinct_from(null())
    ).cte("chain", recursive=True)
    return chain.union_all(select(*columns).join(chain, above(chain)))


LOCK_PROJECTS = _lock_projects()
LOCK = _lock()
