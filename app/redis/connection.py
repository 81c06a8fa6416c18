"""A connection to Redis that many commands share."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import hiredis

from app.redis.address import Command

REPLY_TIMEOUT = 0.04  # seconds
_MOMENT = 0.005
_INCOMPLETE = object()


class RedisAway(Exception):
    """Redis cannot be reached: do without it."""


class _Exchange:
    """Commands that were sent together, and the replies that have arrived so far."""

    __slots__ = ("count", "future", "replies", "sent_at")

    def __init__(self, future: "asyncio.Future[list[Any]]", count: int, sent_at: float) -> None:
        self.future = future
        self.count = count
        self.sent_at = sent_at
        self.replies: list[Any] = []


class Connection(asyncio.Protocol):
    """Sends commands and matches replies; it gives up when a reply takes too long.

    `on_lost` is called once, when it has given up or Redis has closed it.
    """

    def __init__(self, on_lost: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._waiting: deque[_Exchange] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport
        # Given up since it was of no use, rather than closed by Redis.
        self.was_silent = False
        self.is_open = True

    # uvloop's transports are no subclasses, and this one is never anything else.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember where to write to."""
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        """Fail what waits for replies."""
        self.give_up()

    def ask(self, commands: Sequence[Command]) -> "asyncio.Future[list[Any]]":
        """Send these; the future has their replies, or `RedisAway`."""
        future = self._loop.create_future()
        now = self._loop.time()
        self._waiting.append(_Exchange(future, len(commands), now))
        # hiredis's own annotation allows text alone.
        packed = [hiredis.pack_command(command) for command in commands]  # type: ignore[arg-type]
        self._transport.write(b"".join(packed))
        if self._timer is None:
            self._timer = self._loop.call_later(REPLY_TIMEOUT, self._look)
        return future

    def data_received(self, data: bytes) -> None:
        """Hand replies out in the order of the commands."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _INCOMPLETE:
                exchange = self._waiting[0]
                exchange.replies.append(reply)
                if len(exchange.replies) == exchange.count:
                    self._waiting.popleft()
                    if not exchange.future.done():
                        exchange.future.set_result(exchange.replies)
        except (hiredis.ProtocolError, IndexError):
            self.give_up()

    def give_up(self, *, is_silent: bool = False) -> None:
        """Close the connection and fail what waits for replies; what was sent still arrives."""
        if not self.is_open:
            return
        self.is_open = False
        self.was_silent = is_silent
        if self._timer is not None:
            self._timer.cancel()
        self._transport.close()
        for exchange in self._waiting:
            if not exchange.future.done():
                exchange.future.set_exception(RedisAway())
                # Whoever told and does not ask is not there to hear it.
                exchange.future.exception()
        self._waiting.clear()
        self._on_lost()

    def _look(self, suspect: _Exchange | None = None) -> None:
        """Give up if the oldest command waits too long for its reply.

        It gets one more turn first: after a pause of this process the timer is handled before the
        reply that has long been there.
        """
        self._timer = None
        if not self._waiting:
            return
        oldest = self._waiting[0]
        if oldest is suspect:
            self.give_up(is_silent=True)
            return
        left = oldest.sent_at + REPLY_TIMEOUT - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._timer = self._loop.call_later(_MOMENT, self._look, oldest)
