"""Statements of many shapes: lists have one for each combination of filters and sort.

Each takes 20 ms to compile, and 0.5 to 1 MiB in each PostgreSQL backend while it is prepared there.
So only the most frequent are prepared. They are not the most recent, so that nobody evicts what
others use by asking for something new each time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from app.database.fair_semaphore import FairSemaphore
from app.database.statement import Statement

MOST_PREPARED = 32
MOST_KNOWN = 544
# After so many uses all counts are halved, so that what was frequent once can be replaced.
_HALVED_AFTER = 10_000


class Shapes:
    """A cache of statements, which marks the frequent ones: those are to be prepared."""

    def __init__(self) -> None:
        # In order of use, the latest at the end.
        self._known: OrderedDict[tuple[object, ...], Statement] = OrderedDict()
        self._frequent: list[Statement] = []
        # One thread at a time, so that the event loop keeps its share of the interpreter. Once
        # somebody has waited for it, a semaphore is of that event loop.
        self._turns: tuple[asyncio.AbstractEventLoop, FairSemaphore] | None = None
        self._uses = 0

    async def statement(
        self, whose: object, build: Callable[..., Statement], *arguments: object, **options: object
    ) -> Statement:
        """The statement that `build` makes of these arguments, counted as used once more.

        A new one is compiled in a thread, one at a time, and fairly among those `whose` they are.
        """
        key = (build, arguments, *options.items())
        if key not in self._known:
            turns = self._turns_here()
            share = await turns.acquire(whose)
            try:
                # Somebody else may have wanted it too.
                if key not in self._known:
                    statement = await asyncio.to_thread(build, *arguments, **options)
                    statement.is_prepared = False
                    self._known[key] = statement
            finally:
                turns.release(share)
        statement = self._known[key]
        self._known.move_to_end(key)
        self._count(statement)
        if len(self._known) > MOST_KNOWN:
            del self._known[next(key for key, one in self._known.items() if not one.is_prepared)]
        return statement

    def _turns_here(self) -> FairSemaphore:
        loop = asyncio.get_running_loop()
        if self._turns is None or self._turns[0] is not loop:
            self._turns = loop, FairSemaphore(1, 1)
        return self._turns[1]

    def _count(self, statement: Statement) -> None:
        statement.uses += 1
        self._uses += 1
        if self._uses % _HALVED_AFTER == 0:
            for known in self._known.values():
                known.uses //= 2
        if statement.is_prepared:
            return
        if len(self._frequent) == MOST_PREPARED:
            least = min(self._frequent, key=lambda other: other.uses)
            # Twice as often: otherwise two of equal use would replace each other again and again.
            if statement.uses <= 2 * least.uses:
                return
            self._frequent.remove(least)
            least.is_prepared = False
        self._frequent.append(statement)
        statement.is_prepared = True


SHAPES = Shapes()
