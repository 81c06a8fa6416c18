"""The statements of invitations.

Whatever changes one holds the lock of its project's tree, and so waits for no row of them. What the
inviter asks for finds the members of the project alone, and no other account, so that it takes as
long for an address that has one.
"""

from typing import Any

from sqlalchemy import (
    DateTime,
    FromClause,
    LargeBinary,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    cast,
    column,
    exists,
    func,
    insert,
    join,
    null,
    or_,
    outerjoin,
    select,
    table,
    true,
    update,
)
from sqlalchemy.sql import ColumnElement
from sqlalchemy.types import Boolean

from app.database.base import table_of
from app.database.json_rows import as_text, instant
from app.database.row_changes import only_principal
from app.database.statement import AFFECTED_USERS, Statement
from app.features.invitations.models import Invitation
from app.features.members.statements import locked_tree
from app.features.projects.permissions import members_of, visible_to_principal
from app.features.projects.statements import projects

invitations = table_of(Invitation)
users = table(
    "users",
    column("id", Uuid),
    column("display_name", Text),
    column("email_key", Text),
    column("email_verified_at", DateTime(timezone=True)),
)

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_project_id: ColumnElement[Any] = bindparam("project_id", type_=Uuid)
_principal_id: ColumnElement[Any] = bindparam("principal_id", type_=Uuid)
_limit: ColumnElement[Any] = bindparam("principal_project_id", type_=Uuid)
_now: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))
_token_hash: ColumnElement[Any] = bindparam("token_hash", type_=LargeBinary)
_email_key: ColumnElement[Any] = bindparam("email_key", type_=Text)

is_pending = and_(invitations.c.ended_at.is_(None), invitations.c.expires_at > _now)
# What may be joined: not the trash, nor what has come below another project since.
is_open = and_(projects.c.deleted_at.is_(None), projects.c.parent_id.is_(None))


def representation(invitation: FromClause) -> list[ColumnElement[Any]]:
    """The fields of `InvitationRead`."""
    row = invitation.c
    return [
        row.id,
        row.email,
        row.role,
        instant(row.created_at).label("created_at"),
        instant(row.expires_at).label("expires_at"),
    ]


def _place() -> Statement:
    """A visible project with its principal's `role`, and what there is of an address.

    `is_member` says whether a member has it, and `taken` how many are members or may become that.
    """
    seen = visible_to_principal(only=_project_id).cte("seen")
    theirs = members_of(_project_id)
    # All of them are read, whoever they are.
    listed = (
        select(users.c.email_key)
        .join(theirs, theirs.c.user_id == users.c.id)
        .cte("listed")
        .prefix_with("MATERIALIZED")
    )
    others = select(func.count()).where(
        invitations.c.project_id == _project_id, is_pending, invitations.c.email_key != _email_key
    )
    number = select(func.count()).select_from(listed).scalar_subquery()
    return Statement(
        select(
            seen.c.role,
            projects.c.parent_id,
            projects.c.is_inbox,
            exists().where(listed.c.email_key == _email_key).label("is_member"),
            (number + others.scalar_subquery()).label("taken"),
        ).join_from(seen, projects, projects.c.id == seen.c.id)
    )


def _create() -> Statement:
    """Insert an invitation in the place of an earlier one of that address."""
    names = ("id", "project_id", "email", "email_key", "role", "token_hash", "invited_by")
    given = {name: bindparam(name, type_=invitations.c[name].type) for name in names}
    replaced = (
        update(invitations)
        .where(
            invitations.c.project_id == _project_id,
            invitations.c.email_key == _email_key,
            invitations.c.ended_at.is_(None),
        )
        .values(ended_at=_now)
        .returning(invitations.c.id)
        .cte("replaced")
    )
    is_done = select(func.count()).select_from(replaced).scalar_subquery() >= 0
    expires_at: ColumnElement[Any] = bindparam("expires_at", type_=DateTime(timezone=True))
    values = {**given, "created_at": _now, "expires_at": expires_at}
    new = (
        insert(invitations)
        .from_select([*values], select(*values.values()).where(is_done))
        .returning(*invitations.c)
        .cte("new")
    )
    return _answer(new)


def _answer(row: FromClause) -> Statement:
    """An invitation's JSON; nobody else reads anything of it from the cache."""
    fields = select(*representation(row)).correlate(row).lateral("fields")
    return Statement(
        select(
            row.c.id,
            as_text(fields).label("body"),
            row.c.project_id,
            only_principal.label(AFFECTED_USERS),
        ).select_from(join(row, fields, true()))
    )


def mine() -> Select[Any]:
    """The invitations to the principal's address, if that counts; none by a limited token."""
    trusted: ColumnElement[Any] = bindparam("trusts_unverified", type_=Boolean)
    return (
        select(invitations)
        .join(users, users.c.email_key == invitations.c.email_key)
        .where(
            users.c.id == _principal_id,
            or_(trusted, users.c.email_verified_at.is_not(None)),
            _limit.is_(None),
        )
    )


_named = select(invitations).where(invitations.c.token_hash == _token_hash, _limit.is_(None))


def _find(found: Select[Any]) -> Statement:
    """Find an invitation, and take the lock of its project's tree."""
    row = found.with_only_columns(invitations.c.id, invitations.c.project_id).subquery("found")
    key = func.hashtextextended(cast(row.c.project_id, Text), 0)
    return Statement(select(row, func.pg_advisory_xact_lock(key).label("lock")))


def _lock() -> Statement:
    """Whether an invitation `is_pending`, with the `tree` that it is to, whose rows are locked."""
    root = select(projects).where(projects.c.id == _project_id, is_open)
    locked = locked_tree(root)
    theirs = members_of(_project_id)
    tree = func.array(select(locked.c.id).scalar_subquery())
    return Statement(
        select(
            invitations.c.role,
            and_(is_pending, _project_id == any_(tree)).label("is_pending"),
            exists().where(theirs.c.user_id == _principal_id).label("is_member"),
            select(func.count()).select_from(theirs).scalar_subquery().label("members"),
            tree.label("tree"),
            # The answer is what the principal has to know.
            cast(null(), Uuid).label("project_id"),
            only_principal.label(AFFECTED_USERS),
        ).where(invitations.c.id == _id)
    )


def _sent() -> Statement:
    """A visible project with its principal's `role`, and whether one of its invitations pends."""
    seen = visible_to_principal(only=_project_id).cte("seen")
    project = join(seen, projects, projects.c.id == seen.c.id)
    its = and_(invitations.c.id == _id, invitations.c.project_id == _project_id)
    return Statement(
        select(
            *(seen.c.role, projects.c.parent_id, projects.c.is_inbox),
            invitations.c.id,
            is_pending.label("is_pending"),
        ).select_from(outerjoin(project, invitations, its))
    )


def _end() -> Statement:
    """End an invitation."""
    ended = update(invitations).where(invitations.c.id == _id).values(ended_at=_now)
    gone = ended.returning(invitations.c.id).cte("gone")
    return Statement(
        select(
            gone.c.id,
            cast(null(), Uuid).label("project_id"),
            only_principal.label(AFFECTED_USERS),
        )
    )


PLACE = _place()
CREATE = _create()
FIND_MINE = _find(mine().where(invitations.c.id == _id))
FIND_NAMED = _find(_named)
LOOK_SENT = _sent()
LOOK = Statement(select(is_pending.label("is_pending")).where(invitations.c.id == _id))
LOCK = _lock()
END = _end()
