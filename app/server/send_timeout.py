"""A limit on how long answers wait for a client that does not take them."""

import asyncio
from asyncio import Transport

from app.server import sockets

# What a client on a slow link takes in half a minute (2 KiB a second), and no less than the part
# of a window that some systems wait for before they tell that there is room again.
LEAST_BYTES = 1 << 16


class SendTimeout:
    """Ends a connection whose client does not take what waits for it.

    Of what the kernel holds for it, all or at least `LEAST_BYTES` have to arrive within `seconds`,
    and so on for as long as some waits. While nothing does, as between requests or between the
    events of a stream, there is no limit.
    """

    def __init__(self, transport: Transport, seconds: float) -> None:
        self._transport = transport
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(seconds, self._check, 0)

    def cancel(self) -> None:
        """Look no more."""
        self._timer.cancel()

    def _check(self, due: int) -> None:
        count, waiting = sockets.arrived(self._transport)
        if count < due:
            sockets.reset(self._transport)
        else:
            due = count + min(waiting, LEAST_BYTES)
            self._timer = self._loop.call_later(self._seconds, self._check, due)
