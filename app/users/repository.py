"""The accounts' rows."""

from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    FromClause,
    Integer,
    Select,
    Uuid,
    any_,
    bindparam,
    cast,
    exists,
    func,
    insert,
    literal,
    null,
    or_,
    select,
    tuple_,
    union_all,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, array
from sqlalchemy.sql import ColumnElement

from app.core.errors import NotFound, VersionConflict
from app.core.preconditions import Versions
from app.core.repository import Repository
from app.core.representation import as_object, as_text, instant
from app.core.schemas import Stored
from app.core.statement import AUDIENCE, Statement
from app.core.tables import table_of
from app.users.errors import EmailTaken
from app.users.models import User

users = table_of(User)

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_now: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))
_versions: ColumnElement[Any] = bindparam("versions", type_=ARRAY(Integer))


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
_READ = Statement(_answer(select(users).where(users.c.id == _id).subquery("user")))
_VERSION = Statement(select(users.c.version).where(users.c.id == _id))
_CREDENTIALS = Statement(
    select(users.c.id, users.c.password_hash).where(
        users.c.email_key == bindparam("email_key", type_=users.c.email_key.type)
    )
)


@lru_cache(maxsize=32)
def _patch(fields: frozenset[str]) -> Statement:
    old = (
        select(users)
        .where(users.c.id == _id, or_(_versions.is_(None), users.c.version == any_(_versions)))
        .with_for_update(key_share=True)
        .cte("old")
    )
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
        cast(null(), Uuid).label("project_id"), array([new.c.id]).label(AUDIENCE)
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
        self, user_id: UUID, given: dict[str, Any], versions: Versions, **values: Any
    ) -> Stored:
        """The account as it then is. Raises `NotFound`, `VersionConflict`."""
        statement = _patch(frozenset(given))
        row = await self._one(statement, id=user_id, versions=versions, **given, **values)
        if row is None:
            version = await self._value(_VERSION, id=user_id)
            raise NotFound if version is None else VersionConflict(version)
        return Stored(row["id"], row["version"], row["body"])

    async def credentials(self, email_key: str) -> tuple[UUID, str] | None:
        """Whose address it is, and the hash of the password."""
        row = await self._one(_CREDENTIALS, email_key=email_key)
        return None if row is None else (row["id"], row["password_hash"])
