"""What becomes of somebody's projects when the account ends: three statements, in their order."""

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

from app.core.changes import record
from app.core.representation import written
from app.core.statement import AUDIENCE, Statement
from app.projects.permissions import audience_of
from app.projects.statements import event_of, later, members, projects, with_role

_now: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))
_owned: ColumnElement[Any] = bindparam("owned", type_=ARRAY(Uuid))


def _leave() -> Statement:
    """End all memberships: whose projects they were, and who else was there."""
    gone = (
        delete(members)
        .where(members.c.user_id == bindparam("principal_id", type_=Uuid))
        .returning(members.c.project_id, members.c.role)
        .cte("gone")
    )
    return Statement(
        select(gone.c.project_id, gone.c.role, audience_of(gone.c.project_id).label(AUDIENCE))
    )


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
    is_shared = exists().where(members.c.project_id == old.c.id)
    new = (
        update(projects)
        .where(projects.c.id == old.c.id)
        .values(
            # Nobody's Inbox any more: that one cannot be deleted.
            is_inbox=literal(False),
            deleted_at=case((is_shared, cast(null(), DateTime(timezone=True))), else_=_now),
            version=projects.c.version + 1,
            updated_at=later(old),
        )
        .returning(*projects.c)
        .cte("new")
    )
    before = with_role(old, literal("owner"), "before")
    after = with_role(new, literal("owner"), "after")
    event = case(
        (new.c.deleted_at.is_(None), "project.updated"), else_=cast("project.trashed", Text)
    )
    change = event_of(after, event, before).join(new, new.c.id == after.c.id)
    return Statement(
        written(after, audience_of(after.c.project_id)).add_cte(record("project", change))
    )


LEAVE = _leave()
HAND_OVER = _hand_over()
SETTLE = _settle()
