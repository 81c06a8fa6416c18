"""One connection to Redis for each process, shared by all commands, with a circuit breaker.

Commands of one turn of the event loop are written together, and replies come back in the order of
the commands. Redis holds only what may be lost, so nobody waits long for it: when a reply takes
longer than `REPLY_TIMEOUT`, the connection is closed, and until there is a new one `run` raises
`RedisAway` at once. `docs/decisions/redis-connection.md` says why this is not redis-py.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

import hiredis

from app.redis.address import Command, RedisAddress, describe_connection_error
from app.redis.connection import REPLY_TIMEOUT, Connection, RedisAway

logger = logging.getLogger(__name__)

# Seconds: for a new connection, and between heartbeats while Redis is in use.
CONNECT_TIMEOUT = 1.0
INTERVAL = 0.025
# Seconds without a request after which heartbeats become rare, and how rare.
IDLE_AFTER = 1.0
IDLE_INTERVAL = 0.5
# So long after one process gave Redis up for its silence, all that use it have noticed: each sends
# a heartbeat every INTERVAL, and waits REPLY_TIMEOUT. Half is for late ones. Those that are idle
# find out before they use it again, but for what docs/decisions/cache.md leaves open.
NOTICED = 0.05

# A write: one that is refused tells that Redis cannot be told of anything any more.
HEARTBEAT: Command = ("SET", "tickbox:alive", "", "EX", 60)


class Redis:
    """The process's Redis, which may be away at any time."""

    def __init__(self, url: str) -> None:
        self._address = RedisAddress(url)
        self._greetings: list[Callable[[], Sequence[Command]]] = []
        self._connection: Connection | None = None
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
        """Whether there is a connection."""
        return self._connection is not None

    def on_connect(self, greeting: Callable[[], Sequence[Command]]) -> None:
        """Run these commands on each new connection, before anybody uses it."""
        self._greetings.append(greeting)

    async def start(self) -> None:
        """Connect, and reconnect from now on; it is no error if Redis is away."""
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
        """Run the commands in one round trip; an error that Redis replies is an item of the list.

        After an idle time two heartbeats come first. Raises `RedisAway`, at once where that is
        known already.
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
        """Run writes. Raises `RedisAway` also when Redis refuses one.

        Then it is full, a replica, or cannot save: what it still returns is old, and can no longer
        be invalidated.
        """
        connection = self._connection
        if connection is None:
            raise RedisAway
        if any(map(_is_error, await connection.ask(commands))):
            connection.give_up(is_silent=True)
            raise RedisAway

    def tell(self, *commands: Command) -> None:
        """Send commands without waiting for their replies."""
        if self._connection is not None:
            self._connection.ask(commands)

    async def execute_or_wait(self, *commands: Command) -> bool:
        """Run writes that other processes rely on, on a new connection if there is none.

        Returns False if that fails, after waiting until the other processes have noticed too that
        Redis is silent. When Redis closes or refuses connections they notice at once.
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
        connection: Connection | None = None
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

    def _new(self) -> Connection:
        connection = Connection(lambda: self._lost(connection))
        return connection

    def _lost(self, connection: Connection) -> None:
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
        """Keep connected, and send heartbeats: often while there are requests, else rarely."""
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
