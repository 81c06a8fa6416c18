"""Queries of sessions and their refresh tokens."""

from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import (
    DateTime,
    Integer,
    LargeBinary,
    Text,
    Uuid,
    bindparam,
    cast,
    exists,
    func,
    insert,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import INTERVAL
from sqlalchemy.sql import ColumnElement

from app.core.pagination import Position
from app.database import json_rows
from app.database.base import table_of
from app.database.json_rows import instant
from app.database.repository import Repository
from app.database.statement import Statement
from app.features.sessions.models import RefreshToken, SignInSession

sessions = table_of(SignInSession)
tokens = table_of(RefreshToken)

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)
_now: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))
_expires_at: ColumnElement[Any] = bindparam("expires_at", type_=DateTime(timezone=True))
_session_id: ColumnElement[Any] = bindparam("session_id", type_=Uuid)
_user_id: ColumnElement[Any] = bindparam("user_id", type_=Uuid)
_network: ColumnElement[Any] = bindparam("network", type_=Text)
_since: ColumnElement[Any] = bindparam("since", type_=DateTime(timezone=True))
_token_hash: ColumnElement[Any] = bindparam("token_hash", type_=LargeBinary)
# The database's clock now, not at the start of the transaction: processes, whose own clocks may
# differ, look for ended sessions by this time.
_database_now = func.clock_timestamp(type_=DateTime(timezone=True))

_START = Statement(
    insert(sessions)
    .values(
        id=_session_id,
        user_id=_user_id,
        scope=bindparam("scope", type_=Text),
        network=_network,
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
    .values(last_used_at=_now, network=_network)
    .returning(sessions.c.id, sessions.c.user_id, sessions.c.scope)
)
_SESSION_OF_TOKEN = Statement(
    select(tokens.c.session_id, tokens.c.used_at).where(tokens.c.token_hash == _token_hash)
)
_LIVE_TOKEN = Statement(
    select(sessions.c.user_id, sessions.c.scope, tokens.c.expires_at)
    .join_from(tokens, sessions, sessions.c.id == tokens.c.session_id)
    .where(tokens.c.token_hash == _token_hash)
    .where(tokens.c.used_at.is_(None), tokens.c.expires_at > _now, sessions.c.ended_at.is_(None))
)
_END = Statement(
    update(sessions)
    .where(sessions.c.id == _session_id, sessions.c.ended_at.is_(None))
    .values(ended_at=_database_now)
    .returning(sessions.c.id)
)
# Sessions with a token that may not have expired yet.
_live = select(sessions).where(
    sessions.c.user_id == _user_id, sessions.c.ended_at.is_(None), sessions.c.last_used_at > _since
)
_END_ONE = Statement(
    update(sessions)
    .where(sessions.c.id.in_(_live.with_only_columns(sessions.c.id)))
    .where(sessions.c.id == _session_id, sessions.c.ended_at.is_(None))
    .values(ended_at=_database_now)
    .returning(sessions.c.id)
)
_others = (
    select(sessions.c.id)
    .where(sessions.c.user_id == _user_id, sessions.c.ended_at.is_(None))
    .where(or_(_session_id.is_(None), sessions.c.id != _session_id))
    # Always in this order, so that two such statements cannot deadlock.
    .order_by(sessions.c.id)
    .with_for_update(key_share=True)
    .cte("others")
)
_END_OTHERS = Statement(
    update(sessions)
    .where(sessions.c.id == _others.c.id)
    .values(ended_at=_database_now)
    .returning(sessions.c.id)
)
_FORGET_NETWORKS = Statement(
    update(sessions)
    .where(sessions.c.user_id == _user_id, sessions.c.network.is_not(None))
    .values(network=null())
    .returning(sessions.c.id)
)
_IS_KNOWN = Statement(
    select(
        exists().where(
            sessions.c.user_id == _user_id,
            sessions.c.network == _network,
            sessions.c.last_used_at > _since,
        )
    )
)
_ENDED_AT = Statement(select(sessions.c.ended_at).where(sessions.c.id == _session_id))
_ENDED_LATELY = Statement(
    select(sessions.c.id).where(
        sessions.c.ended_at > _database_now - bindparam("window", type_=INTERVAL)
    )
)


def _page(*, is_first: bool, with_total: bool) -> Statement:
    """The statement of a page: each row has its JSON (`body`), its sort key as text, and its id.

    The total is a column of each row, and of a row without a body if the page is empty.
    """
    place = tuple_(sessions.c.created_at, sessions.c.id)
    last = tuple_(
        cast(bindparam("last_key", type_=Text), DateTime(timezone=True)),
        bindparam("last_id", type_=Uuid),
    )
    rows = _live.add_columns(sessions.c.created_at.label("sort_key"))
    rows = rows.order_by(sessions.c.created_at.desc(), sessions.c.id.desc()).limit(
        bindparam("limit", type_=Integer)
    )
    if not is_first:
        rows = rows.where(place < last)
    found = rows.subquery("found")
    fields = [
        found.c.id,
        found.c.scope,
        found.c.network,
        instant(found.c.created_at).label("created_at"),
        instant(found.c.last_used_at).label("last_used_at"),
        (found.c.id == _session_id).label("is_current"),
    ]
    total = _live.with_only_columns(func.count()).scalar_subquery().label("total")
    beside = [total] if with_total else []
    return Statement(json_rows.page(found, fields, descending=True, beside=beside))


# By `is_first` and `with_total`.
_PAGES = {
    (is_first, with_total): _page(is_first=is_first, with_total=with_total)
    for is_first in (True, False)
    for with_total in (True, False)
}


class SessionRepository(Repository):
    """Reads and writes sessions and refresh tokens."""

    async def start(
        self,
        *,
        session_id: UUID,
        user_id: UUID,
        scope: str,
        network: str | None,
        **token: Any,
    ) -> None:
        """Insert a session and its first refresh token."""
        await self._one(
            _START,
            session_id=session_id,
            user_id=user_id,
            scope=scope,
            network=network,
            now=token["now"],
        )
        await self.add_token(session_id=session_id, **token)

    async def add_token(self, **token: Any) -> None:
        """Insert a refresh token: `id`, `session_id`, `token_hash`, `now`, `expires_at`."""
        await self._one(_ADD_TOKEN, **token)

    async def use_token(self, **token: Any) -> asyncpg.Record | None:
        """Use a refresh token (`token_hash`, `now`, `network`); its session, None if invalid."""
        return await self._one(_USE_TOKEN, **token)

    async def session_of(self, token_hash: bytes) -> asyncpg.Record | None:
        """`session_id` and `used_at` of a refresh token, used or not."""
        return await self._one(_SESSION_OF_TOKEN, token_hash=token_hash)

    async def live_token(self, **token: Any) -> asyncpg.Record | None:
        """`user_id`, `scope` and `expires_at` of a valid refresh token (`token_hash`, `now`)."""
        return await self._one(_LIVE_TOKEN, **token)

    async def page(
        self, after: Position | None, *, with_total: bool, **params: Any
    ) -> list[asyncpg.Record]:
        """Rows of `body`, `sort_key` and `id`: a user's live sessions (`user_id`, `since`).

        `session_id` is the session that makes the request, `limit` the number of rows.
        """
        if after is not None:
            params |= {"last_key": after.key, "last_id": after.id}
        return await self._all(_PAGES[after is None, with_total], **params)

    async def end(self, session_id: UUID) -> None:
        """End a session unless it has ended."""
        await self._one(_END, session_id=session_id)

    async def end_one(self, **params: Any) -> bool:
        """End a user's live session (`user_id`, `session_id`, `since`); False if there is none."""
        return await self._one(_END_ONE, **params) is not None

    async def end_others(self, user_id: UUID, session_id: UUID | None) -> list[UUID]:
        """End all of a user's sessions but one; returns the ids of those that this ended."""
        rows = await self._all(_END_OTHERS, user_id=user_id, session_id=session_id)
        return [row["id"] for row in rows]

    async def forget_networks(self, user_id: UUID) -> None:
        """Delete the networks from a user's sessions."""
        await self._all(_FORGET_NETWORKS, user_id=user_id)

    async def is_known(self, **params: Any) -> bool:
        """Whether a user (`user_id`) used a session from `network` after `since`."""
        return bool(await self._value(_IS_KNOWN, **params))

    async def has_ended(self, session_id: UUID) -> bool:
        """Whether a session has ended or does not exist."""
        row = await self._one(_ENDED_AT, session_id=session_id)
        return row is None or row["ended_at"] is not None

    async def ended_within(self, window: Any) -> list[UUID]:
        """The sessions that ended in the last `window` (a timedelta)."""
        return [row["id"] for row in await self._all(_ENDED_LATELY, window=window)]
