"""Redis: one connection a process, which everybody's commands share, and a breaker before it.

What is asked in the same turn of the event loop leaves in one piece, and replies come back in the
order of the questions. Redis holds what may be lost, so nobody waits for it long: who gets no reply
within `REPLY_TIMEOUT` goes on without it, the connection is given up, and until there is another
one `run` raises `RedisAway` at once. `docs/decisions/redis-connection.md` says why this is not
redis-py.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import hiredis

from app.redis.address import Command, RedisAddress, describe_connection_error

logger = logging.getLogger(__name__)

# Seconds: for a reply, for a new connection, and between heartbeats while Redis is in use.
REPLY_TIMEOUT = 0.04
CONNECT_TIMEOUT = 1.0
INTERVAL = 0.025
# Seconds without a request after which heartbeats become rare, and how rare.
IDLE_AFTER = 1.0
IDLE_INTERVAL = 0.5
# So long after one process gave Redis up for its silence, all that use it have noticed: each sends
# a heartbeat every INTERVAL, and waits REPLY_TIMEOUT. Half is for late ones. Those that are idle
# find out before they use it again.
NOTICED = 0.05
_MOMENT = 0.005

# A write: one that is refused tells that Redis cannot be told of anything any more.
HEARTBEAT: Command = ("SET", "tickbox:alive", "", "EX", 60)
_INCOMPLETE = object()


class RedisAway(Exception):
    """Redis does not answer: do without it."""


class _Exchange:
    """Commands that left together, and their replies as they come."""

    __slots__ = ("count", "future", "replies", "sent_at")

    def __init__(self, future: "asyncio.Future[list[Any]]", count: int, sent_at: float) -> None:
        self.future = future
        self.count = count
        self.sent_at = sent_at
        self.replies: list[Any] = []


class _Connection(asyncio.Protocol):
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
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
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
        """Nobody waits any longer. What was sent is still delivered: the end comes after it."""
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
        """Give up if the oldest question waits for too long.

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


class Redis:
    """Redis, as far as it is there."""

    def __init__(self, url: str) -> None:
        self._address = RedisAddress(url)
        self._greetings: list[Callable[[], Sequence[Command]]] = []
        self._connection: _Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._noticed_at = 0.0
        self._is_missed = False
        self._used_at = 0.0
        # Whether heartbeats are frequent, and whether somebody waits for that.
        self._watched = asyncio.Event()
        self._wanted = asyncio.Event()

    @property
    def is_connected(self) -> bool:
        """Whether it was there when it was last looked for."""
        return self._connection is not None

    def on_connect(self, greeting: Callable[[], Sequence[Command]]) -> None:
        """Say these commands on each new connection, before anybody uses it."""
        self._greetings.append(greeting)

    async def start(self) -> None:
        """Connect, and keep connected from now on; that Redis is away stops nothing."""
        with suppress(RedisAway):
            await self._connected(CONNECT_TIMEOUT)
        self._keeping = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Disconnect for good."""
        self._watched.set()
        for task in (self._keeping, self._connecting):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.give_up()

    async def run(self, *commands: Command) -> list[Any]:
        """The commands' replies, from one round trip. An error that Redis replies is an item.

        After an idle time Redis is first looked at. Raises `RedisAway`, at once where that is known
        already.
        """
        self._used_at = asyncio.get_running_loop().time()
        if not self._watched.is_set():
            self._wanted.set()
            if self._connection is not None and self._keeping is not None:
                await self._watched.wait()
        if self._connection is None:
            raise RedisAway
        return await self._connection.ask(commands)

    async def _write(self, *commands: Command) -> None:
        """Run these. Raises `RedisAway` too where Redis answers and takes nothing.

        It is full, a replica, or cannot save: what it still gives is what it held before, and none
        of it can be called outdated any more.
        """
        connection = self._connection
        if connection is None:
            raise RedisAway
        if any(map(_is_error, await connection.ask(commands))):
            connection.give_up(is_silent=True)
            raise RedisAway

    def tell(self, *commands: Command) -> None:
        """Send commands whose replies nobody waits for."""
        if self._connection is not None:
            self._connection.ask(commands)

    async def execute_or_wait(self, *commands: Command) -> bool:
        """Run what other processes go by, on a new connection if there is none.

        If it cannot be said, this waits until all of them have noticed that Redis is silent, and
        gives False. Where Redis closes connections or takes none, they notice at once.
        """
        try:
            await self._connected(REPLY_TIMEOUT)
            await self._write(*commands)
        except RedisAway:
            await asyncio.sleep(max(0.0, self._noticed_at - asyncio.get_running_loop().time()))
            return False
        return True

    async def _connected(self, patience: float) -> None:
        if self._connection is not None:
            return
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
        # Not `wait_for`: on Python 3.11 it may swallow the cancellation of who waits.
        await asyncio.wait({self._connecting}, timeout=patience)
        if self._connection is None:
            raise RedisAway

    async def _connect(self) -> None:
        connection: _Connection | None = None
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                connection = await self._address.connect(self._new)
                greeting = [*self._address.introduction(), HEARTBEAT]
                for commands in self._greetings:
                    greeting += commands()
                replies = await connection.ask(greeting)
            for reply in replies:
                if _is_error(reply):
                    raise reply
        except (OSError, TimeoutError, RedisAway, hiredis.HiredisError) as error:
            self._miss(
                describe_connection_error(error), isinstance(error, TimeoutError | RedisAway)
            )
            if connection is not None:
                connection.give_up()
            return
        if connection.is_open:
            self._connection = connection
            if self._is_missed:
                logger.info("Redis answers again")
            self._is_missed = False

    def _new(self) -> _Connection:
        connection = _Connection(lambda: self._lost(connection))
        return connection

    def _lost(self, connection: _Connection) -> None:
        if connection is self._connection:
            self._connection = None
            # Nobody need wait to know, and it is looked for at once.
            self._watched.set()
            self._wanted.set()
            silent = connection.was_silent
            reason = "it is silent, or takes nothing" if silent else "it has closed the connection"
            self._miss(reason, silent)

    def _miss(self, reason: str, is_silent: bool) -> None:
        if not self._is_missed:
            logger.warning("going on without Redis: %s", reason)
            if is_silent:
                self._noticed_at = asyncio.get_running_loop().time() + NOTICED
        self._is_missed = True

    async def _keep(self) -> None:
        """Look whether Redis is there and takes what it is told, often while it is in use."""
        loop = asyncio.get_running_loop()
        while True:
            is_wanted = self._wanted.is_set()
            self._wanted.clear()
            with suppress(RedisAway):
                if self._connection is None:
                    await self._connected(CONNECT_TIMEOUT)
                else:
                    await self._write(HEARTBEAT)
                    if is_wanted:
                        # Its reply comes after all that others had sent when a Redis that was
                        # frozen went on, on connections that it had not accepted yet, too.
                        await self._write(HEARTBEAT)
            if is_wanted:
                self._watched.set()
            elif loop.time() - self._used_at > IDLE_AFTER:
                self._watched.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL if self._watched.is_set() else IDLE_INTERVAL):
                    await self._wanted.wait()


def _is_error(reply: Any) -> bool:
    return isinstance(reply, hiredis.HiredisError)
