"""Statements of many shapes: lists have one for each combination of filters and sort.

Each takes 20 ms to compile, and 0.5 to 1 MiB in each PostgreSQL backend while it is prepared there.
So only the most frequent are prepared, and chosen anew now and then. They are not the most recent,
so that nobody evicts what others use by asking for something new each time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from heapq import nlargest

from app.database.fair_semaphore import FairSemaphore
from app.database.statement import Statement

MOST_PREPARED = 32
MOST_KNOWN = 544
# Uses of all together, from one choice to the next.
CHOSEN_EVERY = 1_000


class Shapes:
    """A cache of statements, which marks the frequent ones: those are to be prepared."""

    def __init__(self) -> None:
        # In order of use, the latest at the end.
        self._known: OrderedDict[tuple[object, ...], Statement] = OrderedDict()
        # One thread at a time, so that the event loop keeps its share of the interpreter.
        self._turns = FairSemaphore(1, 1)
        self._uses = 0

    async def statement(
        self, whose: object, build: Callable[..., Statement], *arguments: object, **options: object
    ) -> Statement:
        """The statement that `build` makes of these arguments, counted as used once more.

        A new one is compiled in a thread, one at a time, and fairly among those `whose` they are.
        """
        key = (build, arguments, *options.items())
        if key not in self._known:
            share = await self._turns.acquire(whose)
            try:
                # Somebody else may have wanted it too.
                if key not in self._known:
                    statement = await asyncio.to_thread(build, *arguments, **options)
                    # Before the first choice, whichever come first.
                    statement.is_prepared = len(self._known) < MOST_PREPARED
                    self._known[key] = statement
            finally:
                self._turns.release(share)
        statement = self._known[key]
        self._known.move_to_end(key)
        statement.uses += 1
        self._uses += 1
        if self._uses % CHOSEN_EVERY == 0:
            self._choose()
        if len(self._known) > MOST_KNOWN:
            del self._known[next(key for key, one in self._known.items() if not one.is_prepared)]
        return statement

    def _choose(self) -> None:
        """Have the most frequent prepared; what was used long ago counts less and less."""
        known = self._known.values()
        frequent = nlargest(MOST_PREPARED, known, key=lambda statement: statement.uses)
        for statement in known:
            statement.is_prepared = statement in frequent
            statement.uses //= 2


SHAPES = Shapes()
