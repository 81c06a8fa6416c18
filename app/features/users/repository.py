"""Queries of accounts."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    FromClause,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    delete,
    literal,
    null,
    or_,
    select,
    table,
    update,
)
from sqlalchemy.sql import ColumnElement

from app.core.errors import NotFound
from app.core.schemas import JsonRow
from app.database import idempotency_keys
from app.database.base import table_of
from app.database.changes import bumped_timestamp
from app.database.json_rows import instant
from app.database.repository import Repository, Row, json_row
from app.database.row_changes import Resource, RowChange
from app.database.statement import Statement
from app.features.projects.permissions import affected_users_beside
from app.features.users.errors import EmailTaken
from app.features.users.models import User

users = table_of(User)

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_now: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))


def representation(user: FromClause) -> list[ColumnElement[Any]]:
    """The fields of `UserRead`, from a row of `users`."""
    row = user.c
    return [
        row.id,
        row.version,
        row.email,
        instant(row.email_verified_at).label("email_verified_at"),
        row.display_name,
        row.timezone,
        row.locale,
        row.week_start,
        instant(row.created_at).label("created_at"),
        instant(row.updated_at).label("updated_at"),
    ]


USERS = Resource(
    "user",
    users,
    representation,
    project_id=lambda _: cast(null(), Uuid),
    # What a user reads depends on their time zone, and who shares a project sees their name.
    affected_users=lambda document: affected_users_beside(document.c.id),
    # A trigger deletes the account's row of todo counts once `settled_at` is written.
    fixed=frozenset(
        {
            "email",
            "email_key",
            "email_verified_at",
            "password_hash",
            "deleted_at",
            "settled_at",
        }
    ),
    # Nobody else sees an account.
    has_changes=False,
)
_INSERT = USERS.insert()
_there = select(users).where(users.c.deleted_at.is_(None))
_mine = _there.where(users.c.id == _id)
_READ = USERS.read(_mine)
_LOCK = USERS.lock(_mine, "email_key")
_UPDATE = USERS.update()
_CREDENTIALS = Statement(
    _there.where(users.c.email_key == bindparam("email_key", type_=users.c.email_key.type))
)
_CREDENTIALS_OF = Statement(_mine)
_is_proved = (
    users.c.id == _id,
    users.c.password_hash == bindparam("password_hash", type_=users.c.password_hash.type),
    users.c.deleted_at.is_(None),
)
# FOR SHARE: a change of the password waits, a new foreign key to the account does not.
_HOLD = Statement(select(users.c.id).where(*_is_proved).with_for_update(read=True))
_CHANGE_PASSWORD = Statement(
    update(users)
    .where(*_is_proved)
    .values(password_hash=bindparam("new_hash", type_=users.c.password_hash.type))
    .returning(users.c.id)
)
# Nobody can sign in to what is left, or find it by an e-mail address.
_ANONYMISE = Statement(
    update(users)
    .where(*_is_proved)
    .values(
        email=literal(""),
        email_key=literal("deleted:") + cast(users.c.id, Text),
        email_verified_at=null(),
        password_hash=literal(""),
        display_name=null(),
        version=users.c.version + 1,
        updated_at=bumped_timestamp(users),
        deleted_at=_now,
    )
    .returning(users.c.id)
)
# They belong to a feature that knows this one: their table is used by name, as in a foreign key.
_invitations = table("invitations", column("id"), column("email_key", Text), column("invited_by"))
_FORGET_INVITATIONS = Statement(
    delete(_invitations)
    .where(
        or_(
            _invitations.c.invited_by == _id,
            _invitations.c.email_key == bindparam("email_key", type_=Text),
        )
    )
    .returning(_invitations.c.id)
)
# Accounts deleted before `now`, after which nothing has cleaned up since.
UNSETTLED = Statement(
    select(users.c.id).where(users.c.deleted_at < _now, users.c.settled_at.is_(None))
)
# Another process may be cleaning up after it.
_HOLD_UNSETTLED = Statement(
    select(users.c.id)
    .where(users.c.id == _id, users.c.settled_at.is_(None))
    .with_for_update(skip_locked=True)
)
_SETTLED = Statement(
    update(users).where(users.c.id == _id).values(settled_at=_now).returning(users.c.id)
)


class UserRepository(Repository):
    """Reads and writes accounts."""

    conflicts = {"uq_users_email_key": EmailTaken}

    async def insert(self, values: dict[str, Any], now: datetime) -> JsonRow:
        """Insert an account. Raises `EmailTaken`."""
        row = await self._one(_INSERT, given=USERS.inserted(values, now))
        assert row is not None
        return json_row(row)

    async def read(self, user_id: UUID) -> JsonRow:
        """One account. Raises `NotFound`."""
        row = await self._one(_READ, id=user_id)
        if row is None:
            raise NotFound
        return json_row(row)

    async def lock(self, user_id: UUID) -> Row:
        """Read an account and lock it until the transaction ends. Raises `NotFound`."""
        row = await self._one(_LOCK, id=user_id, principal_id=user_id)
        if row is None:
            raise NotFound
        return row

    async def update(self, user_id: UUID, values: dict[str, Any], now: datetime) -> JsonRow:
        """Change a locked account; returns it as it is then."""
        given = USERS.changed([RowChange(user_id, "user.updated", values)])
        row = await self._one(_UPDATE, given=given, now=now)
        assert row is not None
        return json_row(row)

    async def credentials(self, email_key: str) -> Row | None:
        """The row of the account with this `email_key`."""
        return await self._one(_CREDENTIALS, email_key=email_key)

    async def credentials_of(self, user_id: UUID) -> Row | None:
        """The row of the account with this id."""
        return await self._one(_CREDENTIALS_OF, id=user_id)

    async def hold(self, user_id: UUID, password_hash: str) -> bool:
        """Whether the account has this hash; if so, it cannot change until the transaction ends."""
        return await self._one(_HOLD, id=user_id, password_hash=password_hash) is not None

    async def change_password(self, user_id: UUID, old_hash: str, new_hash: str) -> bool:
        """Replace the hash; False if the account no longer has the old one."""
        row = await self._one(
            _CHANGE_PASSWORD, id=user_id, password_hash=old_hash, new_hash=new_hash
        )
        return row is not None

    async def anonymise(self, user_id: UUID, password_hash: str, now: datetime) -> bool:
        """Delete an account, and all personal data in its row; False if it has another hash."""
        row = await self._one(_ANONYMISE, id=user_id, password_hash=password_hash, now=now)
        return row is not None

    async def forget_answers(self, user_id: UUID) -> None:
        """Delete the answers kept under the account's `Idempotency-Key`s: they hold its data."""
        await self._all(idempotency_keys.FORGET, user_id=user_id)

    async def forget_invitations(self, user_id: UUID, email_key: str | None) -> None:
        """Delete the invitations that an account sent, and those to its address."""
        await self._all(_FORGET_INVITATIONS, id=user_id, email_key=email_key)

    async def hold_unsettled(self, user_id: UUID) -> bool:
        """Lock a deleted account to clean up after; False if another process does or did."""
        return await self._one(_HOLD_UNSETTLED, id=user_id) is not None

    async def settled(self, user_id: UUID, now: datetime) -> None:
        """Note that the clean-up is done."""
        await self._one(_SETTLED, id=user_id, now=now)
