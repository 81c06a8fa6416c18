"""Which sessions have ended, known in every process without a round trip for each request.

An access token is valid until it expires, so an ended session must be remembered until then. Each
process asks the database twice a second for newly ended ones; while it cannot, it looks up the
session of each request. Redis decides nothing about security:
`docs/decisions/es256-and-ended-sessions.md`.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from app.features.sessions.repository import SessionRepository

logger = logging.getLogger(__name__)

# Longer than any access token is valid.
WINDOW = timedelta(minutes=16)
INTERVAL = 0.5
# Seconds after which what was read is too old to rely on.
MAX_AGE = 1.0
# A session becomes visible as ended only when the transaction that ended it commits, which may be
# this much after `ended_at`.
_OVERLAP = timedelta(seconds=30)


class EndedSessions:
    """The sessions that ended in the last 16 minutes, as this process knows them."""

    def __init__(
        self, repository: SessionRepository, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._repository = repository
        self._clock = clock
        self._ended: dict[UUID, float] = {}
        self._known_at: float | None = None

    async def watch(self) -> None:
        """Refresh twice a second for ever; consecutive failures are logged once."""
        failing = False
        while True:
            try:
                await self.refresh()
                failing = False
            except Exception as error:  # noqa: BLE001 - if this ended, every request would ask
                if not failing:
                    logger.warning("ended sessions cannot be read: %s", type(error).__name__)
                failing = True
            await asyncio.sleep(INTERVAL)

    async def refresh(self) -> None:
        """Read the sessions that ended since the last refresh."""
        started = self._clock()
        missed = timedelta(seconds=started - self._known_at) if self._known_at else WINDOW
        for session_id in await self._repository.ended_within(min(missed + _OVERLAP, WINDOW)):
            self._ended.setdefault(session_id, started)
        self._known_at = started
        self._forget(started - WINDOW.total_seconds() - _OVERLAP.total_seconds())

    def add(self, session_id: UUID) -> None:
        """Add a session that this process ended, without waiting for the next refresh."""
        self._ended[session_id] = self._clock()

    async def has(self, session_id: UUID) -> bool:
        """Whether a session has ended. Raises `DatabaseUnavailable` if that cannot be found out."""
        if session_id in self._ended:
            return True
        if self._known_at is not None and self._clock() - self._known_at <= MAX_AGE:
            return False
        return await self._repository.has_ended(session_id)

    def _forget(self, before: float) -> None:
        # Insertion order is by time: the oldest come first.
        while self._ended:
            session_id, added = next(iter(self._ended.items()))
            if added >= before:
                return
            del self._ended[session_id]
