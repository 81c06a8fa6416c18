"""Statements of many shapes, such as lists by their filters and sort: one for each combination.

Each takes 20 ms to compile, and 0.5 to 1 MiB in each of PostgreSQL's backends as long as it is
prepared there. So few are prepared, by how often they are asked for and not by how lately: nobody
pushes out what others use by asking for something new each time.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from app.database.places import Places
from app.database.statement import Statement

MOST_PREPARED = 32
_MOST_KNOWN = 512
# After so many uses all counts are halved: what was frequent once need not be for ever.
_HALVED_AFTER = 10_000
# One is enough, and leaves the event loop its share of the interpreter.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compile")

_Key = tuple[object, ...]


class Shapes:
    """The shapes that are known, of which the frequent ones are to be prepared."""

    def __init__(self) -> None:
        self._frequent: dict[_Key, Statement] = {}
        # All others, the one that was used last at the end.
        self._rare: OrderedDict[_Key, Statement] = OrderedDict()
        self._compiling: dict[_Key, asyncio.Task[Statement]] = {}
        self._turns = Places(1, 1)
        self._uses = 0

    async def statement(
        self, whose: object, build: Callable[..., Statement], *arguments: object, **options: object
    ) -> Statement:
        """The statement that `build` makes of these, remembered, and counted as used once more.

        It is compiled in a thread, one at a time, in turn among those `whose` they are.
        """
        key = (build, arguments, *options.items())
        statement = self._frequent.get(key) or self._rare.get(key)
        if statement is None:
            task = self._compiling.get(key)
            if task is None:
                call = partial(build, *arguments, **options)
                task = asyncio.create_task(self._compile(key, whose, call))
                self._compiling[key] = task
            # Others may want it too.
            statement = await asyncio.shield(task)
        self._count(key, statement)
        return statement

    async def _compile(self, key: _Key, whose: object, build: Callable[[], Statement]) -> Statement:
        try:
            if not self._turns.take(whose):
                await self._turns.wait(whose)
            try:
                statement = await asyncio.get_running_loop().run_in_executor(_thread, build)
            finally:
                self._turns.give_back(whose)
        finally:
            del self._compiling[key]
        statement.is_frequent = False
        self._rare[key] = statement
        if len(self._rare) > _MOST_KNOWN:
            self._rare.popitem(last=False)
        return statement

    def _count(self, key: _Key, statement: Statement) -> None:
        statement.uses += 1
        self._uses += 1
        if self._uses == _HALVED_AFTER:
            self._uses = 0
            for known in (*self._frequent.values(), *self._rare.values()):
                known.uses //= 2
        if statement.is_frequent or key not in self._rare:
            return
        if len(self._frequent) == MOST_PREPARED:
            least, other = min(self._frequent.items(), key=lambda item: item[1].uses)
            # Twice as often, or two that are alike would take turns.
            if statement.uses <= 2 * other.uses:
                self._rare.move_to_end(key)
                return
            del self._frequent[least]
            other.is_frequent = False
            self._rare[least] = other
        del self._rare[key]
        self._frequent[key] = statement
        statement.is_frequent = True


SHAPES = Shapes()
