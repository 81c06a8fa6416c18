"""Statements of many shapes, such as lists by their filters and sort: one for each combination.

Each takes 20 ms to compile, and 0.5 to 1 MiB in each of PostgreSQL's backends as long as it is
prepared there. So few are prepared, by how often they are asked for and not by how lately: nobody
pushes out what others use by asking for something new each time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from app.database.fair_semaphore import FairSemaphore
from app.database.statement import Statement

MOST_PREPARED = 32
MOST_KNOWN = 544
# After so many uses all counts are halved: what was frequent once need not be for ever.
_HALVED_AFTER = 10_000


class Shapes:
    """The shapes that are known, of which the frequent ones are to be prepared."""

    def __init__(self) -> None:
        # The one that was used last at the end.
        self._known: OrderedDict[tuple[object, ...], Statement] = OrderedDict()
        self._frequent: list[Statement] = []
        # One thread is enough, and leaves the event loop its share of the interpreter.
        self._turns = FairSemaphore(1, 1)
        self._uses = 0

    async def statement(
        self, whose: object, build: Callable[..., Statement], *arguments: object, **options: object
    ) -> Statement:
        """The statement that `build` makes of these, remembered, and counted as used once more.

        It is compiled in a thread, one at a time, in turn among those `whose` they are.
        """
        key = (build, arguments, *options.items())
        if key not in self._known:
            share = await self._turns.acquire(whose)
            try:
                # Somebody else may have wanted it too.
                if key not in self._known:
                    statement = await asyncio.to_thread(build, *arguments, **options)
                    statement.is_frequent = False
                    self._known[key] = statement
            finally:
                self._turns.release(share)
        statement = self._known[key]
        self._known.move_to_end(key)
        self._count(statement)
        if len(self._known) > MOST_KNOWN:
            del self._known[next(key for key, one in self._known.items() if not one.is_frequent)]
        return statement

    def _count(self, statement: Statement) -> None:
        statement.uses += 1
        self._uses += 1
        if self._uses % _HALVED_AFTER == 0:
            for known in self._known.values():
                known.uses //= 2
        if statement.is_frequent:
            return
        if len(self._frequent) == MOST_PREPARED:
            least = min(self._frequent, key=lambda other: other.uses)
            # Twice as often, or two that are alike would take turns.
            if statement.uses <= 2 * least.uses:
                return
            self._frequent.remove(least)
            least.is_frequent = False
        self._frequent.append(statement)
        statement.is_frequent = True


SHAPES = Shapes()
