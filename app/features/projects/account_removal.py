"""What becomes of somebody's projects when the account ends: statements, in their order.

Their projects are locked first, from the leaves to the root as whoever deletes them does: of two
members who leave at the same time the second sees what the first has left.
"""

from typing import Any

from sqlalchemy import (
    DateTime,
    Text,
    Uuid,
    any_,
    bindparam,
    case,
    cast,
    delete,
    exists,
    literal,
    null,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.sql import ColumnElement

from app.database.changes import record
from app.database.json_rows import written
from app.database.statement import AFFECTED_USERS, Statement
from app.features.projects.permissions import affected_users_of
from app.features.projects.statements import event_of, later, members, projects, with_role

_now: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))
_principal_id: ColumnElement[Any] = bindparam("principal_id", type_=Uuid)
_owned: ColumnElement[Any] = bindparam("owned", type_=ARRAY(Uuid))


_mine = members.c.user_id == _principal_id
_has_owner = exists().where(members.c.project_id == projects.c.id, members.c.role == "owner")


def _lock() -> Statement:
    """Lock the projects that somebody is in, and those that were theirs and have no owner."""
    left_over = select(projects.c.id).where(
        projects.c.created_by == _principal_id, projects.c.deleted_at.is_(None), ~_has_owner
    )
    return Statement(
        select(projects.c.id)
        .where(projects.c.id.in_(select(members.c.project_id).where(_mine).union(left_over)))
        .order_by(projects.c.depth.desc(), projects.c.id)
        .with_for_update(of=projects)
    )


def _leave() -> Statement:
    """End all memberships: which they were, and who else was there."""
    gone = delete(members).where(_mine).returning(members.c.project_id).cte("gone")
    return Statement(select(gone.c.project_id, affected_users_of(gone.c.project_id).label(AFFECTED_USERS)))


def _hand_over() -> Statement:
    """Each project that has no owner now gets one, if anybody is left."""
    heirs = (
        select(members.c.project_id, members.c.user_id)
        .ext(distinct_on(members.c.project_id))
        .where(members.c.project_id == any_(_owned))
        .order_by(
            members.c.project_id,
            members.c.role == "viewer",
            members.c.created_at,
            members.c.user_id,
        )
        .cte("heirs")
    )
    return Statement(
        update(members)
        .where(members.c.project_id == heirs.c.project_id, members.c.user_id == heirs.c.user_id)
        .values(role=literal("owner"))
        .returning(members.c.project_id)
    )


def _settle() -> Statement:
    """A project in which nobody is left is deleted; of the others, the new owner sees the role."""
    old = (
        select(projects)
        .where(projects.c.id == any_(_owned), projects.c.deleted_at.is_(None))
        .order_by(projects.c.depth.desc(), projects.c.id)
        .with_for_update(of=projects, key_share=True)
        .cte("old")
    )
    before = with_role(old, literal("owner"), "before")
    is_shared = exists().where(members.c.project_id == before.c.id)
    new = (
        update(projects)
        .where(projects.c.id == before.c.id)
        .values(
            # Nobody's Inbox any more: that one cannot be deleted.
            is_inbox=literal(False),
            deleted_at=case((is_shared, cast(null(), DateTime(timezone=True))), else_=_now),
            version=projects.c.version + 1,
            updated_at=later(projects),
        )
        .returning(*projects.c, before.c.body.label("before"))
        .cte("new")
    )
    after = with_role(new, literal("owner"), "after", "before", "deleted_at")
    event = case(
        (after.c.deleted_at.is_(None), "project.updated"), else_=cast("project.trashed", Text)
    )
    change = event_of(after, event)
    return Statement(
        written(after, affected_users_of(after.c.project_id)).add_cte(record("project", change))
    )


LOCK = _lock()
LEAVE = _leave()
OWNERLESS = Statement(
    select(projects.c.id).where(
        projects.c.id == any_(bindparam("locked", type_=ARRAY(Uuid))), ~_has_owner
    )
)
HAND_OVER = _hand_over()
SETTLE = _settle()
