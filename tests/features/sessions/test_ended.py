"""What a process knows of ended sessions, and what it asks when it does not know."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.features.sessions.repository import SessionRepository
from app.features.sessions.revocations import INTERVAL, MAX_AGE, WINDOW, EndedSessions

MINUTE = 60.0
A, B = UUID(int=1), UUID(int=2)


class Sessions(SessionRepository):
    """A database that has what a test says, and tells what it was asked."""

    def __init__(self) -> None:
        self.ended: set[UUID] = set()
        self.failure: Exception | None = None
        self.windows: list[timedelta] = []
        self.asked: list[UUID] = []
        self._asked = asyncio.Event()

    async def asked_again(self) -> None:
        self._asked.clear()
        await self._asked.wait()

    async def ended_within(self, window: timedelta) -> list[UUID]:
        self.windows.append(window)
        self._asked.set()
        if self.failure is not None:
            raise self.failure
        return sorted(self.ended)

    async def has_ended(self, session_id: UUID) -> bool:
        self.asked.append(session_id)
        if self.failure is not None:
            raise self.failure
        return session_id in self.ended


class Ticks:
    """A monotonic clock that is set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


@pytest.fixture
def clock() -> Ticks:
    return Ticks()


@pytest.fixture
def ended(sessions: Sessions, clock: Ticks) -> EndedSessions:
    return EndedSessions(sessions, clock)


async def test_is_looked_for_often_enough_to_be_relied_on() -> None:
    assert 2 * INTERVAL <= MAX_AGE <= 1  # seconds
    longest = Settings.model_fields["access_token_seconds"].metadata
    assert any(getattr(limit, "le", None) == 900 for limit in longest)
    assert timedelta(seconds=900) < WINDOW


async def test_what_is_known_is_answered_without_a_question(
    ended: EndedSessions, sessions: Sessions, clock: Ticks
) -> None:
    sessions.ended = {A}
    await ended.refresh()
    clock.now += MAX_AGE

    assert await ended.has(A)
    assert not await ended.has(B)
    assert sessions.asked == []


async def test_what_is_stale_is_asked_for_each_time(
    ended: EndedSessions, sessions: Sessions, clock: Ticks
) -> None:
    await ended.refresh()
    clock.now += MAX_AGE + 0.001
    sessions.ended = {A}

    assert await ended.has(A)
    assert not await ended.has(B)
    assert not await ended.has(B)
    assert sessions.asked == [A, B, B]


async def test_before_the_first_answer_everything_is_asked_for(
    ended: EndedSessions, sessions: Sessions
) -> None:
    sessions.ended = {A}
    assert await ended.has(A)
    assert not await ended.has(B)
    assert sessions.asked == [A, B]


async def test_what_ended_stays_ended_while_the_database_is_away(
    ended: EndedSessions, sessions: Sessions, clock: Ticks
) -> None:
    sessions.ended = {A}
    await ended.refresh()
    sessions.failure = DatabaseUnavailable()
    clock.now += 5 * MINUTE

    assert await ended.has(A)
    with pytest.raises(DatabaseUnavailable):
        await ended.has(B)


async def test_the_age_counts_from_when_the_question_was_asked(
    ended: EndedSessions, sessions: Sessions, clock: Ticks, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(window: timedelta) -> list[UUID]:
        clock.now += MAX_AGE + 0.001
        return []

    monkeypatch.setattr(sessions, "ended_within", slow)
    await ended.refresh()
    assert not await ended.has(B)
    assert sessions.asked == [B]


async def test_the_first_question_is_for_the_whole_window_and_later_ones_overlap(
    ended: EndedSessions, sessions: Sessions, clock: Ticks
) -> None:
    await ended.refresh()
    clock.now += INTERVAL
    await ended.refresh()
    sessions.failure = DatabaseUnavailable()
    clock.now += MINUTE
    with pytest.raises(DatabaseUnavailable):
        await ended.refresh()
    sessions.failure = None
    clock.now += MINUTE
    await ended.refresh()
    clock.now += 60 * MINUTE
    await ended.refresh()

    whole, usual, _, after_a_gap, after_an_hour = sessions.windows
    assert whole == after_an_hour == WINDOW
    # A transaction that ended a session may have taken its time to commit.
    assert usual >= timedelta(seconds=INTERVAL + 10)
    assert after_a_gap >= timedelta(minutes=2, seconds=10)


async def test_this_process_knows_at_once_of_what_it_ended_itself(
    ended: EndedSessions, sessions: Sessions
) -> None:
    await ended.refresh()
    ended.add(A)
    assert await ended.has(A)
    assert sessions.asked == []


@pytest.mark.parametrize("learn", [0, 1])
async def test_is_forgotten_once_no_access_token_can_be_left(
    ended: EndedSessions, sessions: Sessions, clock: Ticks, learn: int
) -> None:
    ended.add(A)
    sessions.ended = {A} if learn else set()
    await ended.refresh()
    sessions.ended = set()

    clock.now += WINDOW.total_seconds()
    await ended.refresh()
    assert await ended.has(A)
    clock.now += MINUTE
    await ended.refresh()
    assert not await ended.has(A)
    assert sessions.asked == []


async def test_one_that_ended_later_is_remembered_longer(
    ended: EndedSessions, clock: Ticks
) -> None:
    ended.add(A)
    clock.now += 10 * MINUTE
    ended.add(B)
    clock.now += 10 * MINUTE
    await ended.refresh()

    assert not await ended.has(A)
    assert await ended.has(B)


class TestWatch:
    @asynccontextmanager
    async def watching(self, ended: EndedSessions) -> AsyncIterator[asyncio.Task[None]]:
        task = asyncio.create_task(ended.watch())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @pytest.fixture(autouse=True)
    def no_waiting(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("app.features.sessions.revocations.INTERVAL", 0.0)

    async def turns(self, sessions: Sessions, count: int) -> None:
        """Until the database was asked so many times."""
        async with asyncio.timeout(5):
            while len(sessions.windows) < count:
                await sessions.asked_again()

    @pytest.mark.parametrize("failure", [DatabaseUnavailable(), RuntimeError("a bug")])
    async def test_goes_on_after_any_failure_which_it_logs_once(
        self,
        ended: EndedSessions,
        sessions: Sessions,
        failure: Exception,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        sessions.failure = failure
        with caplog.at_level(logging.WARNING):
            async with self.watching(ended) as task:
                await self.turns(sessions, 5)
                assert len(caplog.records) == 1
                sessions.failure, sessions.ended = None, {A}
                await self.turns(sessions, 8)
                assert await ended.has(A)
                assert sessions.asked == []
                sessions.failure = failure
                await self.turns(sessions, 12)
                assert not task.done()
        assert len(caplog.records) == 2
