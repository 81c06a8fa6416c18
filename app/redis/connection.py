"""One connection to Redis, shared by all commands of a process.

Commands of one turn of the event loop are written together, and replies come back in the order of
the commands. `docs/decisions/redis-connection.md` says why this is not redis-py.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import hiredis

# Seconds that Redis has to reply, and one moment more for a reply that is there but not read yet.
REPLY_TIMEOUT = 0.04
_MOMENT = 0.005
# Seconds after a command that Redis has replied to in which it is known not to have been silent.
TRUSTED = 0.03

Command = tuple[bytes | str | int, ...]
# A write, since a Redis that refuses those cannot be told what is outdated.
HEARTBEAT: Command = ("SET", "tickbox:alive", "", "EX", 60)

_INCOMPLETE = object()


class RedisAway(Exception):
    """Redis cannot be reached, does not reply in time, or replies an error: do without it."""


@dataclass(slots=True)
class _Exchange:
    """Commands that were sent together, and the replies that have arrived so far."""

    future: "asyncio.Future[list[Any]]"
    count: int
    sent_at: float
    is_trusted: bool
    replies: list[Any]


class Connection(asyncio.Protocol):
    """Sends commands and matches replies, until a reply takes too long or is an error.

    Then `lost` says why, and `on_lost` is called once.
    """

    def __init__(self, on_lost: Callable[["Connection"], None]) -> None:
        self.lost = ""
        self._loop = asyncio.get_running_loop()
        self._on_lost = on_lost
        self._reader = hiredis.Reader(notEnoughData=_INCOMPLETE)
        self._waiting: deque[_Exchange] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._unsent: list[bytes] = []
        self._transport: asyncio.Transport
        # Each connection begins with a new epoch of the cache, so it cannot have missed anything.
        self._trusted_at = self._loop.time()

    # uvloop's transports are no subclasses, and this one is never anything else.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Remember where to write to."""
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        """Fail what waits for replies."""
        self.close("it has closed the connection")

    async def run(self, commands: Sequence[Command]) -> list[Any]:
        """The replies, which show all that other processes were told was written before.

        Raises `RedisAway`. If Redis may have been frozen meanwhile, two heartbeats come first: when
        it goes on, it reads its connections, then accepts new ones and reads those. So the second
        reply comes after all that other processes had sent.
        """
        if self._loop.time() - self._trusted_at > TRUSTED:
            for _ in range(2):
                sent_at = self._loop.time()
                await self.ask([HEARTBEAT])
            self._trusted_at = sent_at
        return await self.ask(commands)

    def ask(self, commands: Sequence[Command]) -> "asyncio.Future[list[Any]]":
        """Send these; the future has their replies or `RedisAway`. Raises `RedisAway` if lost."""
        if self.lost:
            raise RedisAway
        future = self._loop.create_future()
        now = self._loop.time()
        is_trusted = now - self._trusted_at <= TRUSTED
        self._waiting.append(_Exchange(future, len(commands), now, is_trusted, []))
        # hiredis's own annotation allows text alone.
        packed = [hiredis.pack_command(command) for command in commands]  # type: ignore[arg-type]
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent += packed
        if self._timer is None:
            self._timer = self._loop.call_later(REPLY_TIMEOUT, self._look)
        return future

    def _send(self) -> None:
        """Write what was asked in this turn of the event loop."""
        if self._unsent and not self._transport.is_closing():
            self._transport.write(b"".join(self._unsent))
        self._unsent.clear()

    def data_received(self, data: bytes) -> None:
        """Hand replies out in the order of the commands."""
        try:
            self._reader.feed(data)
            while (reply := self._reader.gets()) is not _INCOMPLETE:
                if isinstance(reply, hiredis.ReplyError):
                    # Only its first word, such as NOAUTH: the others may quote a secret.
                    self.close(f"it answers {str(reply).partition(' ')[0]}")
                    return
                exchange = self._waiting[0]
                exchange.replies.append(reply)
                if len(exchange.replies) == exchange.count:
                    self._waiting.popleft()
                    if exchange.is_trusted:
                        self._trusted_at = exchange.sent_at
                    if not exchange.future.done():
                        exchange.future.set_result(exchange.replies)
        except (hiredis.ProtocolError, IndexError):
            self.close("it speaks another language")

    def close(self, reason: str) -> None:
        """Close it and fail what waits for replies; what was sent still arrives."""
        if self.lost:
            return
        self.lost = reason
        if self._timer is not None:
            self._timer.cancel()
        self._send()
        self._transport.close()
        for exchange in self._waiting:
            if not exchange.future.done():
                exchange.future.set_exception(RedisAway())
                # Nobody waits for the reply to what was only told.
                exchange.future.exception()
        self._waiting.clear()
        self._on_lost(self)

    def _look(self, late: _Exchange | None = None) -> None:
        """Close it if the oldest command, twice in a row, has waited too long for its reply.

        After a pause of this process the first look comes before the reply is read.
        """
        self._timer = None
        if not self._waiting:
            return
        oldest = self._waiting[0]
        left = oldest.sent_at + REPLY_TIMEOUT - self._loop.time()
        if oldest is late:
            self.close("it is silent")
        elif left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._timer = self._loop.call_later(_MOMENT, self._look, oldest)
