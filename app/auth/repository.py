"""The sessions' rows, and those of the refresh tokens that prolong them."""

from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import DateTime, LargeBinary, Text, Uuid, bindparam, func, insert, select, update
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.sql import ColumnElement

from app.auth.models import RefreshToken, SignInSession
from app.core.repository import Repository
from app.core.statement import Statement
from app.core.tables import table_of

sessions = table_of(SignInSession)
tokens = table_of(RefreshToken)

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_now: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))
_expires_at: ColumnElement[Any] = bindparam("expires_at", type_=DateTime(timezone=True))
_session_id: ColumnElement[Any] = bindparam("session_id", type_=Uuid)
_token_hash: ColumnElement[Any] = bindparam("token_hash", type_=LargeBinary)
# The database's clock at this very moment, not at the transaction's begin: what ends is looked
# for by when it ended, by processes whose own clocks may differ.
_database_now = func.clock_timestamp(type_=DateTime(timezone=True))

_START = Statement(
    insert(sessions)
    .values(
        id=_session_id,
        user_id=bindparam("user_id", type_=Uuid),
        scope=bindparam("scope", type_=Text),
        created_at=_now,
        last_used_at=_now,
    )
    .returning(sessions.c.id)
)
_ADD_TOKEN = Statement(
    insert(tokens)
    .values(
        id=_id,
        session_id=_session_id,
        token_hash=_token_hash,
        created_at=_now,
        expires_at=_expires_at,
    )
    .returning(tokens.c.id)
)
_used = (
    update(tokens)
    .where(tokens.c.token_hash == _token_hash)
    .where(tokens.c.used_at.is_(None), tokens.c.expires_at > _now)
    .values(used_at=_now)
    .returning(tokens.c.session_id)
    .cte("used")
)
_USE_TOKEN = Statement(
    update(sessions)
    .where(sessions.c.id == _used.c.session_id, sessions.c.ended_at.is_(None))
    .values(last_used_at=_now)
    .returning(sessions.c.id, sessions.c.user_id, sessions.c.scope)
)
_SESSION_OF_TOKEN = Statement(
    select(tokens.c.session_id, tokens.c.used_at).where(tokens.c.token_hash == _token_hash)
)
_END = Statement(
    update(sessions)
    .where(sessions.c.id == _session_id, sessions.c.ended_at.is_(None))
    .values(ended_at=_database_now)
    .returning(sessions.c.id)
)
_ENDED_AT = Statement(select(sessions.c.ended_at).where(sessions.c.id == _session_id))
_ENDED_LATELY = Statement(
    select(sessions.c.id).where(
        sessions.c.ended_at > _database_now - bindparam("window", type_=INTERVAL)
    )
)


class SessionRepository(Repository):
    """Sign-in sessions."""

    async def start(self, *, session_id: UUID, user_id: UUID, scope: str, **token: Any) -> None:
        """A session with its first refresh token."""
        await self._one(
            _START, session_id=session_id, user_id=user_id, scope=scope, now=token["now"]
        )
        await self.add_token(session_id=session_id, **token)

    async def add_token(self, **token: Any) -> None:
        """A refresh token: `id`, `session_id`, `token_hash`, `now`, `expires_at`."""
        await self._one(_ADD_TOKEN, **token)

    async def use_token(self, **token: Any) -> asyncpg.Record | None:
        """Spend a refresh token (`token_hash`, `now`): its session, or None if it is no good."""
        return await self._one(_USE_TOKEN, **token)

    async def session_of(self, token_hash: bytes) -> asyncpg.Record | None:
        """`session_id` and `used_at` of a refresh token, also of a spent one."""
        return await self._one(_SESSION_OF_TOKEN, token_hash=token_hash)

    async def end(self, session_id: UUID) -> bool:
        """End a session; whether it had not ended before."""
        return await self._value(_END, session_id=session_id) is not None

    async def has_ended(self, session_id: UUID) -> bool:
        """Whether a session has ended, or never was."""
        row = await self._one(_ENDED_AT, session_id=session_id)
        return row is None or row["ended_at"] is not None

    async def ended_within(self, window: Any) -> list[UUID]:
        """The sessions that ended in the last `window` (a timedelta)."""
        return [row["id"] for row in await self._all(_ENDED_LATELY, window=window)]
