"""The statements of a move, in the order in which they run.

All that changes where a todo stands, or deletes one, holds the lock of its project. So what `look`
finds of the places in locked projects stays so until the transaction ends; only what a todo says of
itself, and its counts, may change until its row is locked.
"""

from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    Boolean,
    Integer,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    exists,
    false,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.sql import ColumnElement

from app.core.positions import MAX_LENGTH
from app.database.statement import Statement
from app.features.projects.permissions import owner_of, visible_to_principal
from app.features.todos.sql.quota import has_room
from app.features.todos.sql.writes import TODOS, project_lock, todos, without_end

# So many siblings on each side of a place are thought of when positions have to be spread anew.
NEIGHBOURS = 1_000

_BESIDE = ("before", "after")

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_named: ColumnElement[Any] = bindparam("named", type_=Uuid)
_project_id: ColumnElement[Any] = bindparam("project_id", type_=Uuid)
_parent_id: ColumnElement[Any] = bindparam("parent_id", type_=Uuid)
_old_project_id: ColumnElement[Any] = bindparam("old_project_id", type_=Uuid)
_with_tree: ColumnElement[bool] = bindparam("with_tree", type_=Boolean)
_project = visible_to_principal().subquery("project")


def _lock_projects() -> Statement:
    """The todos `id` and `named`, and the project `project_id`, each with the lock of its project.

    The locks are taken in the order of the projects' ids.
    """
    of_todos = (
        select(
            todos.c.id,
            todos.c.version,
            todos.c.project_id,
            todos.c.parent_id,
            _project.c.role,
            _project.c.archived,
        )
        .join(_project, _project.c.id == todos.c.project_id)
        .where(todos.c.id.in_((_id, _named)), todos.c.deleted_at.is_(None))
    )
    target = visible_to_principal(only=_project_id).subquery("target")
    of_project = select(
        cast(null(), Uuid),
        cast(null(), Integer),
        target.c.id,
        cast(null(), Uuid),
        target.c.role,
        target.c.archived,
    )
    seen = of_todos.union_all(of_project).subquery("seen")
    # OFFSET keeps the subquery, and so its order, apart.
    in_order = select(seen).order_by(seen.c.project_id).offset(literal(0)).subquery("in_order")
    return Statement(select(in_order, project_lock(in_order.c.project_id)))


def look(side: str, *, is_top_level: bool) -> Statement:
    """What there is to know of a place in a project, below `parent_id` or at the top level.

    `side` is `first`, `last`, or `before` or `after` the todo `named`. The answer is one row; its
    `foreign_labels` are those of the tree, if the project's owner is another one.
    """
    tree, chain = _tree(), _chain()
    size = select(func.count()).select_from(tree).scalar_subquery()
    has_same_owner = owner_of(_project_id) == owner_of(_old_project_id)
    target = visible_to_principal(only=_project_id).subquery("target")
    one = select(literal(1)).subquery("one")
    return Statement(
        select(
            _stands(side).label("stands"),
            target.c.role,
            target.c.archived,
            func.array(select(chain.c.id).scalar_subquery()).label("chain"),
            select(func.max(chain.c.depth)).scalar_subquery().label("parent_depth"),
            select(todos.c.depth).where(todos.c.id == _id).scalar_subquery().label("depth"),
            select(func.max(tree.c.depth)).scalar_subquery().label("deepest"),
            or_(has_same_owner, has_room(_project_id, size)).label("has_room"),
            case(
                (_project_id == _old_project_id, null()),
                (has_same_owner, null()),
                else_=labels_of(tree),
            ).label("foreign_labels"),
            *_siblings(side, is_top_level),
        ).select_from(one.outerjoin(target, true()))
    )


def _lock() -> Statement:
    """Lock the todo `id`, all below it if its tree changes, and `others`; read the todo's JSON.

    Beside each, what the principal may do in the project `project_id` by now.
    """
    tree = _tree()
    target = visible_to_principal(only=_project_id).subquery("target")
    others = func.unnest(bindparam("others", type_=ARRAY(Uuid)))
    ids = select(tree.c.id).union_all(select(others))
    rows = (
        select(
            todos,
            _project.c.role,
            _project.c.archived,
            target.c.role.label("target_role"),
            target.c.archived.label("target_archived"),
        )
        .join(_project, _project.c.id == todos.c.project_id)
        .outerjoin(target, true())
        # An array is looked up in the index.
        .where(todos.c.id == any_(func.array(ids.scalar_subquery())))
        .order_by(todos.c.depth.desc(), todos.c.id)
    )
    return TODOS.lock(
        rows,
        "role",
        "archived",
        "target_role",
        "target_archived",
        "parent_id",
        "depth",
        "completed_at",
        "deleted_at",
        "labels",
        "label_keys",
        "subtask_count",
        "completed_subtask_count",
        described=_id,
    )


def _tree() -> CTE:
    """The todo `id` and, `with_tree`, all below it, deleted ones too."""
    columns = (todos.c.id, todos.c.project_id, todos.c.depth)
    tree = select(*columns).where(todos.c.id == _id).cte("tree", recursive=True)
    below = (todos.c.project_id == tree.c.project_id) & (todos.c.parent_id == tree.c.id)
    return tree.union_all(select(*columns).join(tree, below).where(_with_tree))


def labels_of(tree: CTE) -> ColumnElement[Any]:
    """The names of all labels in a tree by their keys, as JSON."""
    has = (
        func.unnest(todos.c.label_keys, todos.c.labels)
        .table_valued("key", "name", name="has")
        .render_derived()
    )
    names = func.coalesce(
        func.jsonb_object_agg(has.c.key, has.c.name), literal_column("'{}'::jsonb")
    )
    rows = select(cast(names, Text)).select_from(tree).join(todos, todos.c.id == tree.c.id)
    return rows.join(has, true()).scalar_subquery()


def _chain() -> CTE:
    """The todo `parent_id` and all above it."""
    columns = (todos.c.id, todos.c.project_id, todos.c.parent_id, todos.c.depth)
    chain = select(*columns).where(todos.c.id == _parent_id).cte("chain", recursive=True)
    above = (todos.c.project_id == chain.c.project_id) & (todos.c.id == chain.c.parent_id)
    return chain.union_all(select(*columns).join(chain, above))


def _stands(side: str) -> ColumnElement[bool]:
    """Whether all that was named is still where it was before the locks."""

    def is_at(todo_id: Any, project_id: Any, *parent_id: Any) -> ColumnElement[bool]:
        place = (todos.c.parent_id.is_not_distinct_from(each) for each in parent_id)
        return exists().where(
            todos.c.id == todo_id,
            todos.c.deleted_at.is_(None),
            todos.c.project_id == project_id,
            *place,
        )

    stands = is_at(_id, _old_project_id, bindparam("old_parent_id", type_=Uuid))
    stands &= or_(_parent_id.is_(None), is_at(_parent_id, _project_id))
    return stands & is_at(_named, _project_id, _parent_id) if side in _BESIDE else stands


def _siblings(side: str, is_top_level: bool) -> list[ColumnElement[Any]]:
    """`below` and `above` the place: the siblings as JSON, the moved one not among them.

    Each is `[id, position]`, deleted ones too. They are the nearest one on each side, but up to
    `NEIGHBOURS` where a position between those would be too long. `is_there`: whether the moved one
    has this place already, if it is a sibling.
    """
    position = todos.c.position
    siblings = (
        todos.c.project_id == _project_id,
        todos.c.parent_id.is_(None) if is_top_level else todos.c.parent_id == _parent_id,
        todos.c.id != _id,
    )
    moved, named = todos.alias("moved"), todos.alias("named")
    own: Any = select(moved.c.position).where(moved.c.id == _id).scalar_subquery()
    spot: Any = select(named.c.position).where(named.c.id == _named).scalar_subquery()
    # What is below and above the place, on which side of the spot the moved one has to be, and
    # which siblings may not be between.
    below, above, right_side, between = {
        "before": (position < spot, position >= spot, own < spot, position > own),
        "after": (position <= spot, position > spot, own > spot, position < own),
        "first": (false(), true(), true(), position < own),
        "last": (true(), false(), true(), position > own),
    }[side]
    beside = {"before": below, "after": above}.get(side, true())
    others = exists().where(*siblings, todos.c.deleted_at.is_(None), between, beside)

    def nearest(those: ColumnElement[bool], order: Any, limit: Any) -> Select[Any]:
        return select(todos.c.id, position).where(*siblings, those).order_by(*order).limit(limit)

    # PostgreSQL does not see that a parent which IS NULL is the same for all, and would sort them.
    down, up = ((todos.c.parent_id.desc(), position.desc()), (todos.c.parent_id, position))
    sides = {"below": (below, down), "above": (above, up)}
    one: Any = literal(1)
    listed = {name: _as_json(nearest(*each, one)) for name, each in sides.items()}
    if side in _BESIDE:
        low, high = (
            nearest(*each, one).with_only_columns(position).scalar_subquery()
            for each in sides.values()
        )
        is_crowded = or_(
            func.greatest(func.length(low), func.length(high)) >= MAX_LENGTH,
            func.rtrim(high, literal("0")) <= low,
        )
        # Two subqueries: of a limit that is not known, PostgreSQL expects a tenth of all rows.
        many: Any = literal(NEIGHBOURS)
        listed = {
            name: case((is_crowded, _as_json(nearest(*each, many))), else_=listed[name])
            for name, each in sides.items()
        }
    return [
        (right_side & ~others).label("is_there"),
        *(siblings.label(name) for name, siblings in listed.items()),
    ]


def _as_json(siblings: Select[Any]) -> ColumnElement[str]:
    """Siblings in the order of their positions."""
    rows = siblings.subquery("near")
    one = func.json_build_array(rows.c.id, rows.c.position)
    listed = func.json_agg(aggregate_order_by(one, rows.c.position))
    return select(cast(func.coalesce(listed, literal_column("'[]'")), Text)).scalar_subquery()


LOCK_PROJECTS = _lock_projects()
LOCK = _lock()
MOVE = TODOS.update(moves=True, answered=bindparam("answered", type_=Uuid), also=without_end)
