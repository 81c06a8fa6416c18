"""Statements that take a deleted account out of its projects, in the order in which they run.

The projects are locked first, from the leaves to the root, as a delete does: of two members who
leave at the same time, the second sees what the first has done.
"""

from typing import Any

from sqlalchemy import (
    Uuid,
    any_,
    bindparam,
    delete,
    exists,
    literal,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on
from sqlalchemy.sql import ColumnElement

from app.database.changes import bumped_timestamp
from app.database.statement import AFFECTED_USERS, Statement
from app.features.projects.models import OWNER, VIEWER
from app.features.projects.permissions import affected_users_of, is_owner
from app.features.projects.representation import members_deleted, members_updated
from app.features.projects.statements import members, projects

_principal_id: ColumnElement[Any] = bindparam("principal_id", type_=Uuid)
_owned: ColumnElement[Any] = bindparam("owned", type_=ARRAY(Uuid))


_mine = members.c.user_id == _principal_id
_has_owner = exists().where(members.c.project_id == projects.c.id, is_owner(members))


def _lock() -> Statement:
    """Lock the projects that the user is a member of, or made and nobody owns any more."""
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
    """Delete all memberships of the user; returns the projects, and who sees them."""
    gone = delete(members).where(_mine).returning(*members.c).cte("gone")
    others = members.alias("others")
    remain = exists().where(
        others.c.project_id == gone.c.project_id, others.c.user_id != gone.c.user_id
    )
    # Where nobody remains, nobody is told.
    told = select(gone).where(remain).cte("told")
    return Statement(
        select(
            gone.c.project_id, affected_users_of(gone.c.project_id).label(AFFECTED_USERS)
        ).add_cte(members_deleted(told))
    )


def _hand_over() -> Statement:
    """Make one member the owner of each of these projects: the longest there, editors first.

    As with each role that changes, the version rises, and `member.updated` tells of it. An Inbox
    has another change to come.
    """
    heirs = (
        select(members.c.project_id, members.c.user_id, members.c.role)
        .ext(distinct_on(members.c.project_id))
        .where(members.c.project_id == any_(_owned))
        .order_by(
            members.c.project_id,
            members.c.role == literal(VIEWER),
            members.c.created_at,
            members.c.user_id,
        )
        .cte("heirs")
    )
    changed = (
        update(members)
        .where(members.c.project_id == heirs.c.project_id, members.c.user_id == heirs.c.user_id)
        .values(role=literal(OWNER))
        .returning(*members.c, heirs.c.role.label("role_before"))
        .cte("changed")
    )
    raised = (
        update(projects)
        .where(
            projects.c.id == changed.c.project_id,
            projects.c.deleted_at.is_(None),
            projects.c.is_inbox.is_(False),
        )
        .values(version=projects.c.version + 1, updated_at=bumped_timestamp(projects))
        .cte("raised")
    )
    return Statement(
        select(
            changed.c.project_id,
            changed.c.user_id,
            affected_users_of(changed.c.project_id).label(AFFECTED_USERS),
        ).add_cte(raised, members_updated(changed, changed.c.role_before))
    )


LOCK = _lock()
LEAVE = _leave()
OWNERLESS = Statement(
    select(projects.c.id, projects.c.deleted_at, projects.c.is_inbox).where(
        projects.c.id == any_(bindparam("locked", type_=ARRAY(Uuid))), ~_has_owner
    )
)
HAND_OVER = _hand_over()
