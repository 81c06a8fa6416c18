"""Places of which there are few: nobody holds more than a share, and holders wait in turn."""

import asyncio
from collections import deque


class Places:
    """So many at once, and of these a share at most for each holder.

    A place that is given back goes to the holders who wait, one after the other, and not to the
    tasks: a holder with a thousand tasks keeps another one waiting no longer than with one.
    """

    def __init__(self, size: int, share: int) -> None:
        self._free = size
        self._share = share
        self._held: dict[object, int] = {}
        # Each holder who waits, the next one first.
        self._waiting: dict[object, deque[asyncio.Future[None]]] = {}

    def take(self, holder: object) -> bool:
        """Take a place, if there is one for this holder now."""
        held = self._held.get(holder, 0)
        if not self._free or held >= self._share:
            return False
        self._free -= 1
        self._held[holder] = held + 1
        return True

    async def wait(self, holder: object) -> None:
        """Take a place when it is this holder's turn."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(holder, deque()).append(turn)
        try:
            await turn
        except BaseException:
            if turn.cancelled():
                self._forget(holder, turn)
            else:
                self.give_back(holder)
            raise

    def give_back(self, holder: object) -> None:
        """Leave a place to whoever is next."""
        self._free += 1
        if self._held[holder] == 1:
            del self._held[holder]
        else:
            self._held[holder] -= 1
        for other, turns in self._waiting.items():
            if self.take(other):
                turn = turns[0]
                self._forget(other, turn)
                if turns:
                    # After all others who wait.
                    self._waiting[other] = self._waiting.pop(other)
                turn.set_result(None)
                return

    def _forget(self, holder: object, turn: asyncio.Future[None]) -> None:
        turns = self._waiting[holder]
        turns.remove(turn)
        if not turns:
            del self._waiting[holder]
