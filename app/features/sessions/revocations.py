"""Which sessions have ended: known in every process without a round trip a request.

An access token is good until it expires, so a session that ended must be remembered for as long.
Each process asks the database twice a second for new ones; where it cannot, it asks about each
session as it comes. Redis decides nothing about security:
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

# Longer than any access token lives.
WINDOW = timedelta(minutes=16)
INTERVAL = 0.5
# Older than this, what is known is not relied on.
MAX_AGE = 1.0
# A session that ended may show late, by as much as the transaction that ended it still ran.
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
        """Refresh for ever; a failure is logged once, and tried again."""
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
        """Learn of the sessions that ended since the last time."""
        started = self._clock()
        missed = timedelta(seconds=started - self._known_at) if self._known_at else WINDOW
        for session_id in await self._repository.ended_within(min(missed + _OVERLAP, WINDOW)):
            self._ended.setdefault(session_id, started)
        self._known_at = started
        self._forget(started - WINDOW.total_seconds() - _OVERLAP.total_seconds())

    def add(self, session_id: UUID) -> None:
        """Know at once of one that ended here."""
        self._ended[session_id] = self._clock()

    async def has(self, session_id: UUID) -> bool:
        """Whether a session has ended. Raises `DatabaseUnavailable` where nobody can tell."""
        if session_id in self._ended:
            return True
        if self._known_at is not None and self._clock() - self._known_at <= MAX_AGE:
            return False
        return await self._repository.has_ended(session_id)

    def _forget(self, before: float) -> None:
        # They were added in the order of time, so that the oldest come first.
        while self._ended:
            session_id, added = next(iter(self._ended.items()))
            if added >= before:
                return
            del self._ended[session_id]
