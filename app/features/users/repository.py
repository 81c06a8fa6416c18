"""The accounts' rows."""

from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import (
    DateTime,
    FromClause,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal,
    null,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.sql import ColumnElement

from app.core.errors import NotFound, VersionConflict
from app.core.schemas import Stored
from app.database import idempotency_keys
from app.database.base import table_of
from app.database.json_rows import as_object, as_text, instant
from app.database.repository import Repository
from app.database.shapes import SHAPES
from app.database.statement import AFFECTED_USERS, Statement
from app.database.versions import Expected, is_expected
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
        row.display_name,
        row.timezone,
        row.locale,
        row.week_start,
        instant(row.created_at).label("created_at"),
        instant(row.updated_at).label("updated_at"),
    ]


def _answer(row: FromClause) -> Select[Any]:
    fields = select(*representation(row)).subquery("fields")
    return select(fields.c.id, fields.c.version, as_text(as_object(fields)).label("body"))


def _sent(*names: str) -> dict[str, ColumnElement[Any]]:
    return {name: bindparam(name, type_=users.c[name].type) for name in names}


_SENT = ("email", "email_key", "password_hash", "display_name", "timezone", "locale", "week_start")
_ADD = Statement(
    _answer(
        insert(users)
        .values(id=_id, **_sent(*_SENT), version=literal(1), created_at=_now, updated_at=_now)
        .returning(*users.c)
        .cte("new")
    )
)
_there = select(users).where(users.c.deleted_at.is_(None))
_mine = _there.where(users.c.id == _id)
_READ = Statement(_answer(_mine.subquery("user")))
_VERSION = Statement(_mine.with_only_columns(users.c.version))
_CREDENTIALS = Statement(
    _there.where(users.c.email_key == bindparam("email_key", type_=users.c.email_key.type))
)
_CREDENTIALS_OF = Statement(_mine)
_is_proved = (
    users.c.id == _id,
    users.c.password_hash == bindparam("password_hash", type_=users.c.password_hash.type),
    users.c.deleted_at.is_(None),
)
# Whoever changes the password waits, and whoever only refers to the account does not.
_HOLD = Statement(select(users.c.id).where(*_is_proved).with_for_update(read=True))
_CHANGE_PASSWORD = Statement(
    update(users)
    .where(*_is_proved)
    .values(password_hash=bindparam("new_hash", type_=users.c.password_hash.type))
    .returning(users.c.id)
)
# What is left says that there was somebody, and nobody signs in with it, or finds it by an address.
_ERASE = Statement(
    update(users)
    .where(*_is_proved, is_expected(users))
    .values(
        email=literal(""),
        email_key=literal("deleted:") + cast(users.c.id, Text),
        password_hash=literal(""),
        display_name=null(),
        version=users.c.version + 1,
        updated_at=func.greatest(_now, users.c.updated_at),
        deleted_at=_now,
    )
    .returning(users.c.id)
)
# Accounts that ended before `now`, and that nobody looked after since.
UNSETTLED = Statement(
    select(users.c.id).where(users.c.deleted_at < _now, users.c.settled_at.is_(None))
)
# Another process may have it in hand.
_HOLD_UNSETTLED = Statement(
    select(users.c.id)
    .where(users.c.id == _id, users.c.settled_at.is_(None))
    .with_for_update(skip_locked=True)
)
_SETTLED = Statement(
    update(users).where(users.c.id == _id).values(settled_at=_now).returning(users.c.id)
)


def _patch(fields: frozenset[str]) -> Statement:
    old = _mine.where(is_expected(users)).with_for_update(key_share=True).cte("old")
    values = _sent(*sorted(fields))
    if not values:
        return Statement(_answer(old))
    new = (
        update(users)
        .where(users.c.id == old.c.id)
        .where(tuple_(*(old.c[name] for name in values)).is_distinct_from(tuple_(*values.values())))
        .values(
            **values,
            version=users.c.version + 1,
            # One that waited is not older than what it saw.
            updated_at=func.greatest(_now, old.c.updated_at),
        )
        .returning(*users.c)
        .cte("new")
    )
    # What one reads goes by one's time zone too.
    changed = _answer(new).add_columns(
        cast(null(), Uuid).label("project_id"), array([new.c.id]).label(AFFECTED_USERS)
    )
    unchanged = _answer(old).add_columns(null(), array([old.c.id]))
    unchanged = unchanged.where(~exists(select(new.c.id)))
    return Statement(union_all(changed, unchanged))


class UserRepository(Repository):
    """Accounts."""

    conflicts = {"uq_users_email_key": EmailTaken}

    async def add(self, **values: Any) -> Stored:
        """A new account. Raises `EmailTaken`."""
        row = await self._one(_ADD, **values)
        assert row is not None
        return Stored(row["id"], row["version"], row["body"])

    async def read(self, user_id: UUID) -> Stored:
        """One account. Raises `NotFound`."""
        row = await self._one(_READ, id=user_id)
        if row is None:
            raise NotFound
        return Stored(row["id"], row["version"], row["body"])

    async def patch(
        self, user_id: UUID, given: dict[str, Any], expected: Expected, **values: Any
    ) -> Stored:
        """The account as it then is, which the transaction holds. Raises `VersionConflict`."""
        statement = await SHAPES.statement(user_id, _patch, frozenset(given))
        row = await self._one(statement, id=user_id, **expected.params(), **given, **values)
        if row is None:
            raise VersionConflict(await self._value(_VERSION, id=user_id))
        return Stored(row["id"], row["version"], row["body"])

    async def credentials(self, email_key: str) -> asyncpg.Record | None:
        """`id`, `email_key` and `password_hash` of the account with this address, and the rest."""
        return await self._one(_CREDENTIALS, email_key=email_key)

    async def credentials_of(self, user_id: UUID) -> asyncpg.Record | None:
        """The same of the account with this id."""
        return await self._one(_CREDENTIALS_OF, id=user_id)

    async def hold(self, user_id: UUID, password_hash: str) -> bool:
        """Whether this is the account's; it then stays so until the transaction ends."""
        return await self._one(_HOLD, id=user_id, password_hash=password_hash) is not None

    async def change_password(self, user_id: UUID, old_hash: str, new_hash: str) -> bool:
        """Whether the old one was still the account's, and so the new one is now."""
        row = await self._one(
            _CHANGE_PASSWORD, id=user_id, password_hash=old_hash, new_hash=new_hash
        )
        return row is not None

    async def erase(
        self, user_id: UUID, password_hash: str, expected: Expected, now: datetime
    ) -> bool:
        """Whether this was still the account's hash, and so nothing says now who it was.

        Raises `VersionConflict`.
        """
        values = {"id": user_id, "password_hash": password_hash}
        if await self._one(_ERASE, **values, **expected.params(), now=now) is not None:
            return True
        if not await self.hold(user_id, password_hash):
            return False
        raise VersionConflict(await self._value(_VERSION, id=user_id))

    async def forget_answers(self, user_id: UUID) -> None:
        """Delete what is kept under the account's `Idempotency-Key`s: it says who it was."""
        await self._all(idempotency_keys.FORGET, user_id=user_id)

    async def hold_unsettled(self, user_id: UUID) -> bool:
        """Whether nobody has looked after this ended account, or does now."""
        return await self._one(_HOLD_UNSETTLED, id=user_id) is not None

    async def settled(self, user_id: UUID, now: datetime) -> None:
        """Note that somebody has."""
        await self._one(_SETTLED, id=user_id, now=now)
