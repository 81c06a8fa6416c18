"""Deletes sessions and refresh tokens that nothing needs any more."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text, Uuid, bindparam, cast, delete, exists, select

from app.core.clock import Now
from app.core.settings import Settings
from app.database.base import table_of
from app.database.statement import Statement
from app.database.unit_of_work import Database
from app.features.sessions.models import RefreshToken, SignInSession
from app.features.sessions.service import KNOWN_FOR, lifetime

_BATCH = 10_000

sessions = table_of(SignInSession)
tokens = table_of(RefreshToken)

_before = bindparam("before", type_=DateTime(timezone=True))
# UUIDv7 ids contain the time: walking the primary key from the oldest needs no other index, and
# finds few rows that stay.
_older_than = bindparam("older_than", type_=Uuid)
_batch = bindparam("batch", type_=Integer)
_SWEEP_TOKENS = Statement(
    delete(tokens)
    .where(
        tokens.c.id.in_(
            select(tokens.c.id)
            .where(tokens.c.id < _older_than, tokens.c.expires_at < _before)
            .order_by(tokens.c.id)
            .limit(_batch)
            .with_for_update(skip_locked=True)
        )
    )
    .returning(cast(tokens.c.id, Text))
)
_SWEEP_SESSIONS = Statement(
    delete(sessions)
    .where(
        sessions.c.id.in_(
            select(sessions.c.id)
            .where(sessions.c.id < _older_than, sessions.c.last_used_at < _before)
            .where(~exists().where(tokens.c.session_id == sessions.c.id))
            .order_by(sessions.c.id)
            .limit(_batch)
            .with_for_update(skip_locked=True)
        )
    )
    .returning(cast(sessions.c.id, Text))
)


async def sweep_tokens(
    database: Database, settings: Settings, now: Now, batch: int = _BATCH
) -> int:
    """Delete expired refresh tokens in batches; returns how many.

    Used ones stay until they expire, since a second use ends the session.
    """
    expired_at = now()
    made_at = expired_at - timedelta(seconds=settings.refresh_token_seconds)
    return await _swept(database, _SWEEP_TOKENS, expired_at, made_at, batch)


async def sweep_sessions(
    database: Database, settings: Settings, now: Now, batch: int = _BATCH
) -> int:
    """Delete, in batches, sessions without tokens that were used long ago; returns how many.

    Until then their network counts as known.
    """
    used_at = now() - max(KNOWN_FOR, lifetime(settings))
    return await _swept(database, _SWEEP_SESSIONS, used_at, used_at, batch)


async def _swept(
    database: Database, statement: Statement, before: datetime, made_at: datetime, batch: int
) -> int:
    count = 0
    while True:
        gone = await database.primary.fetch_all(
            statement, before=before, older_than=_first_id(made_at), batch=batch
        )
        count += len(gone)
        if len(gone) < batch:
            return count


def _first_id(instant: datetime) -> UUID:
    """The lowest UUIDv7 of this instant; all that was made before is lower (RFC 9562, 5.7)."""
    return UUID(int=int(instant.timestamp() * 1000) << 80)
