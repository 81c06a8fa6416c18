"""The statements of a project's move, in the order in which they run.

A move holds the lock of its user, who orders its top level alone, and those of the two trees: what
`LOOK` finds of them stays so until the transaction ends.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import (
    ARRAY,
    CTE,
    Boolean,
    Column,
    Select,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    func,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, insert
from sqlalchemy.sql import ColumnElement

from app.database.json_rows import written
from app.database.statement import Statement
from app.features.projects.permissions import affected_users_of, is_owner, visible_to_principal
from app.features.projects.representation import (
    as_placed,
    members_created,
    members_deleted,
    members_updated,
    own_position,
)
from app.features.projects.statements import PROJECTS, members, projects

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_named: ColumnElement[Any] = bindparam("named", type_=Uuid)
_parent_id: ColumnElement[Any] = bindparam("parent_id", type_=Uuid)
_principal_id: ColumnElement[Any] = bindparam("principal_id", type_=Uuid)
# A viewer may do it, and send it again.
_is_own_order: ColumnElement[Any] = bindparam("is_own_order", type_=Boolean)
_SEEN = ("id", "version", "parent_id", "depth", "is_inbox", "role", "archived")
_CARRIED = ("depth", "role", "archived", "deleted_at")
_visible = visible_to_principal().subquery("visible")


def _up(start: Select[Any], name: str) -> CTE:
    """From each of some projects (`start`) to its root."""
    up = start.cte(name, recursive=True)
    above = select(up.c.start, projects.c.id, projects.c.parent_id)
    return up.union_all(above.join(up, up.c.parent_id == projects.c.id))


def _down() -> CTE:
    """The project `id` and all below it, deleted ones too."""
    start = select(projects.c.id, projects.c.depth).where(projects.c.id == _id)
    tree = start.cte("tree", recursive=True)
    below = select(projects.c.id, projects.c.depth)
    return tree.union_all(below.join(tree, projects.c.parent_id == tree.c.id))


def _chain(project_id: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    """The ids of a project and all above it, the nearest first; none of a deleted one."""
    start = select(projects.c.id.label("start"), projects.c.id, projects.c.parent_id)
    up = _up(start.where(projects.c.id == project_id, projects.c.deleted_at.is_(None)), name)
    return func.array(
        select(up.c.id)
        .join(projects, projects.c.id == up.c.id)
        .order_by(projects.c.depth.desc())
        .scalar_subquery()
    ).label(name)


def _lock_roots() -> Statement:
    """The projects `id` and `named`, and what these are below, with the locks of their trees.

    The locks are the user's, and then the roots' in the order of their ids.
    """
    both = projects.alias("both")
    above = select(both.c.parent_id).where(both.c.id.in_((_id, _named)))
    seen = (
        select(projects, _visible.c.role)
        .join(_visible, _visible.c.id == projects.c.id)
        .where(or_(projects.c.id.in_((_id, _named)), projects.c.id.in_(above)))
        .cte("seen")
    )
    up = _up(select(seen.c.id.label("start"), seen.c.id, seen.c.parent_id), "up")
    roots = select(up.c.start, up.c.id).where(up.c.parent_id.is_(None)).cte("roots")
    keys = select(literal(1).label("rank"), roots.c.id).union(select(literal(0), _principal_id))
    in_order = keys.subquery("keys")
    ordered = (
        select(in_order).order_by(in_order.c.rank, in_order.c.id).offset(literal(0)).subquery()
    )
    lock = func.pg_advisory_xact_lock(func.hashtextextended(cast(ordered.c.id, Text), 0))
    return Statement(
        select(
            *(seen.c[name] for name in _SEEN),
            roots.c.id.label("root_id"),
            select(func.count(lock)).select_from(ordered).scalar_subquery(),
        ).join(roots, roots.c.start == seen.c.id)
    )


def _look() -> Statement:
    """What there is to know of a place below `parent_id`, or at the principal's top level.

    `siblings` are `[id, position]` in their order, the moved one too, if it is one.
    """
    tree = _down()
    is_top_level = _parent_id.is_(None)
    position = own_position(projects)
    siblings = (
        select(projects.c.id, position.label("position"))
        .outerjoin(_visible, _visible.c.id == projects.c.id)
        .where(
            projects.c.deleted_at.is_(None),
            projects.c.parent_id.is_not_distinct_from(_parent_id),
            or_(_visible.c.id.is_not(None), ~is_top_level),
        )
        .subquery("siblings")
    )
    one = func.json_build_array(siblings.c.id, siblings.c.position)
    listed = func.json_agg(aggregate_order_by(one, siblings.c.position, siblings.c.id))
    return Statement(
        select(
            _chain(_id, "old_chain"),
            _chain(_parent_id, "new_chain"),
            func.array(select(tree.c.id).scalar_subquery()).label("tree"),
            select(func.max(tree.c.depth)).scalar_subquery().label("deepest"),
            select(cast(func.coalesce(listed, literal_column("'[]'")), Text))
            .select_from(siblings)
            .scalar_subquery()
            .label("siblings"),
        )
    )


def _lock() -> Statement:
    """Lock the projects `ids`, with the JSON of the one with the `id`; write what members have.

    `own` are new positions of the principal's own, as JSON: all other members of these projects
    keep their places; that with the `id` may get `others`. With `root_id` all of the `tree` get the
    members of that.
    """
    ids: ColumnElement[Any] = bindparam("ids", type_=ARRAY(Uuid))
    rows = (
        select(projects, _visible.c.role)
        .outerjoin(_visible, _visible.c.id == projects.c.id)
        .where(projects.c.id == any_(ids))
        .order_by(projects.c.depth.desc(), projects.c.id)
        .with_for_update(of=projects, key_share=True)
    )
    locked = rows.cte("locked")
    read = PROJECTS.document(locked, "read", *_CARRIED)
    answer = written(read, affected_users_of(read.c.project_id), _id, _is_own_order)
    return Statement(
        answer.add_columns(*(read.c[name] for name in _CARRIED)).add_cte(_placed(), *_replaced())
    )


def _placed() -> CTE:
    """Write the principal's own positions, and keep those of others."""
    own = (
        func.jsonb_to_recordset(bindparam("own", type_=JSONB))
        .table_valued(Column("id", Uuid), Column("position", Text))
        .render_derived(name="own", with_types=True)
    )
    others = case((projects.c.id == _id, bindparam("others", type_=Text)))
    kept = func.coalesce(others, members.c.position, projects.c.position)
    mine = members.c.user_id == _principal_id
    return (
        update(members)
        .where(members.c.project_id == own.c.id, projects.c.id == own.c.id)
        .values(position=case((mine, own.c.position), else_=kept))
        .returning(members.c.project_id)
        .cte("placed")
    )


def _replaced() -> tuple[CTE, ...]:
    """Give the `tree` the members of `root_id`, if there is one, and record who they are."""
    tree: ColumnElement[Any] = func.unnest(bindparam("tree", type_=ARRAY(Uuid)))
    below = select(tree.label("id")).subquery("below")
    root: ColumnElement[Any] = bindparam("root_id", type_=Uuid)
    theirs = members.alias("theirs")
    goes = ~exists().where(theirs.c.project_id == root, theirs.c.user_id == members.c.user_id)
    gone = (
        delete(members)
        .where(members.c.project_id.in_(select(below.c.id)), root.is_not(None), goes)
        .returning(*members.c)
        .cte("gone")
    )
    # As it was, whoever the statement adds or changes.
    old = select(members).where(members.c.project_id.in_(select(below.c.id))).cte("old")
    # A project has one owner at each moment: the old one goes, or gets another role, before.
    is_done = select(func.count()).select_from(gone).scalar_subquery() >= 0
    values = (
        select(theirs.c.user_id, below.c.id, theirs.c.role, theirs.c.created_at)
        .join_from(theirs, below, true())
        .where(theirs.c.project_id == root, is_done)
        .order_by(is_owner(theirs))
    )
    columns = ["user_id", "project_id", "role", "created_at"]
    new = insert(members).from_select(columns, values)
    taken = new.on_conflict_do_update(
        index_elements=["user_id", "project_id"],
        set_={"role": new.excluded.role, "position": null()},
    )
    given = taken.returning(*members.c).cte("taken")
    was = (old.c.project_id == given.c.project_id) & (old.c.user_id == given.c.user_id)
    both = select(given, old.c.role.label("role_before")).outerjoin(old, was).cte("both")
    joined = select(both).where(both.c.role_before.is_(None)).cte("joined")
    changed = select(both).where(both.c.role_before != both.c.role).cte("changed")
    return (
        gone,
        given,
        members_created(joined),
        members_updated(changed, changed.c.role_before),
        members_deleted(gone),
    )


LOCK_ROOTS = _lock_roots()
LOOK = _look()
LOCK = _lock()
# The position is that of whoever moves it, which the members' rows of this snapshot may not have.
MOVE = replace(PROJECTS, representation=lambda row: as_placed(row, row.c.position)).update(
    moves=True, is_for_all=_is_own_order
)
