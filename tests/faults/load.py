"""Load: requests at a steady rate, and what became of each."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.faults.wire import Answer, Broken

Action = Callable[[], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: when it was sent (`time.perf_counter`), and its answer or what came instead."""

    sent_at: float
    answer: Answer | None
    failure: str = ""


@dataclass
class Load:
    """What became of the requests so far."""

    outcomes: list[Outcome] = field(default_factory=list)
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)
        self._grown.set()

    @property
    def answers(self) -> list[Answer]:
        return [outcome.answer for outcome in self.outcomes if outcome.answer is not None]

    @property
    def failures(self) -> list[str]:
        return [outcome.failure for outcome in self.outcomes if outcome.answer is None]

    def seconds(self, since: float = 0, until: float = math.inf) -> list[float]:
        """How long the requests took that were sent in this time."""
        return [
            outcome.answer.seconds
            for outcome in self.outcomes
            if outcome.answer is not None and since <= outcome.sent_at < until
        ]

    async def grows_by(self, count: int) -> None:
        """Return when so many more requests have an end."""
        goal = len(self.outcomes) + count
        while len(self.outcomes) < goal:
            self._grown.clear()
            await self._grown.wait()

    async def is_normal(self, count: int) -> None:
        """Return when the last so many requests all had what they asked for."""
        while True:
            await self.grows_by(1)
            last = self.outcomes[-count:]
            if all(o.answer is not None and o.answer.status < 500 for o in last):
                return


@asynccontextmanager
async def load(actions: Sequence[Action], rate: float) -> AsyncIterator[Load]:
    """Do each action again and again, `rate` times a second in all, for the length of the block.

    An action that takes longer than its turn leaves the others theirs. An `AssertionError` in one
    ends the block.
    """
    pause = len(actions) / rate
    stopped = asyncio.Event()
    done = Load()

    async def work(action: Action, due: float) -> None:
        loop = asyncio.get_running_loop()
        due += loop.time()
        while not stopped.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), due - loop.time())
                return
            due = max(due + pause, loop.time())
            sent_at = time.perf_counter()
            try:
                done.add(Outcome(sent_at, await action()))
            except (Broken, TimeoutError) as error:
                done.add(Outcome(sent_at, None, repr(error)))

    async with asyncio.TaskGroup() as workers:
        for number, action in enumerate(actions):
            workers.create_task(work(action, number / rate))
        try:
            yield done
        finally:
            stopped.set()


def percentile(seconds: Iterable[float], percent: float) -> float:
    """By nearest rank."""
    ordered = sorted(seconds)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def quantiles(seconds: Sequence[float]) -> str:
    """For people: how many, p50, p99 and the most, in milliseconds."""
    p50, p99, most = (percentile(seconds, percent) * 1000 for percent in (50, 99, 100))
    return f"n={len(seconds)} p50={p50:.1f} p99={p99:.1f} max={most:.1f} ms"
