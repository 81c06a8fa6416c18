"""The process's Redis: one connection, made again whenever it is lost.

Redis holds only what may be lost, so nobody waits long for it: without a connection, commands
raise `RedisAway` at once.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from app.core import urls
from app.redis.connection import HEARTBEAT, REPLY_TIMEOUT, Command, Connection, RedisAway

logger = logging.getLogger(__name__)

# Seconds: for a new connection, between two tries, and between heartbeats while nobody uses it.
CONNECT_TIMEOUT = 1.0
RETRY_INTERVAL = 0.1
HEARTBEAT_INTERVAL = 1.0
# While it is used, it is kept trusted, so that a command is one round trip.
IN_USE_INTERVAL = 0.02
# Seconds after which no process uses a silent Redis any more, once one has noticed: they trust it
# for `TRUSTED`, and then wait `REPLY_TIMEOUT` for a heartbeat.
NOTICED = 0.06


class Redis:
    """The process's Redis, which may be away at any time."""

    def __init__(self, url: str) -> None:
        self._options, self._tls = urls.redis(url)
        # The commands that each new connection runs, before anybody uses it.
        self.greeting: Callable[[], Sequence[Command]] = tuple
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._is_missed = False
        self._noticed_at = 0.0
        self._used_at = 0.0

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    async def start(self) -> None:
        """Connect, and reconnect from now on; it is no error if Redis is away."""
        with suppress(RedisAway):
            await self._connected(CONNECT_TIMEOUT)
        self._keeping = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Disconnect for good."""
        for task in (self._keeping, self._connecting):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close("it is not needed any more")

    async def run(self, *commands: Command) -> list[Any]:
        """Run the commands: one round trip, or three where nobody used it for a second.

        Raises `RedisAway`, also if Redis replies an error.
        """
        self._used_at = asyncio.get_running_loop().time()
        if self._connection is None:
            raise RedisAway
        return await self._connection.run(commands)

    def tell(self, *commands: Command) -> None:
        """Send commands without waiting for their replies."""
        if self._connection is not None:
            self._connection.ask(commands)

    async def execute_or_wait(self, *commands: Command) -> bool:
        """Run writes that other processes rely on, on a new connection if there is none.

        Returns False if that fails, once the other processes cannot use Redis either.
        """
        try:
            connection = await self._connected(REPLY_TIMEOUT)
            await connection.ask(commands)
        except RedisAway:
            await asyncio.sleep(max(0.0, self._noticed_at - asyncio.get_running_loop().time()))
            return False
        return True

    async def _keep(self) -> None:
        """Notice that Redis has gone or is back, and keep it trusted while it is used."""
        while True:
            idle = asyncio.get_running_loop().time() - self._used_at
            interval = HEARTBEAT_INTERVAL if idle > HEARTBEAT_INTERVAL else IN_USE_INTERVAL
            await asyncio.sleep(RETRY_INTERVAL if self._connection is None else interval)
            with suppress(RedisAway):
                connection = await self._connected(CONNECT_TIMEOUT)
                await connection.ask([HEARTBEAT])

    async def _connected(self, patience: float) -> Connection:
        if self._connection is None:
            # Not `wait_for`: on Python 3.11 it may swallow the cancellation of who waits.
            await asyncio.wait({self._try_to_connect()}, timeout=patience)
        if self._connection is None:
            raise RedisAway
        return self._connection

    def _try_to_connect(self) -> "asyncio.Task[None]":
        """The try that runs, or a new one."""
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
        return self._connecting

    async def _connect(self) -> None:
        connection = Connection(self._lost)
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                await self._open(connection)
            await connection.ask(self._greeting())
        except ssl.SSLError as error:
            self._miss(urls.describe_tls_error(error))
        except (OSError, ValueError) as error:  # a host that is no name is the latter
            self._miss(type(error).__name__)
        except RedisAway:
            self._miss(connection.lost)
        else:
            if connection.lost:  # right after it replied
                return
            self._connection = connection
            if self._is_missed:
                logger.info("Redis answers again")
            self._is_missed = False

    async def _open(self, connection: Connection) -> None:
        loop, options = asyncio.get_running_loop(), self._options
        if "path" in options:
            await loop.create_unix_connection(lambda: connection, options["path"])
        else:
            host, port = options["host"], options.get("port", 6379)
            await loop.create_connection(lambda: connection, host, port, ssl=self._tls)

    def _greeting(self) -> list[Command]:
        options = self._options
        commands: list[Command] = []
        if "password" in options:
            commands.append(("AUTH", options.get("username") or "default", options["password"]))
        if options.get("db"):
            commands.append(("SELECT", options["db"]))
        return [*commands, HEARTBEAT, *self.greeting()]

    def _lost(self, connection: Connection) -> None:
        if connection is self._connection:
            self._connection = None
            self._miss(connection.lost)
            self._try_to_connect()

    def _miss(self, reason: str) -> None:
        if not self._is_missed:
            logger.warning("going on without Redis: %s", reason)
            self._noticed_at = asyncio.get_running_loop().time() + NOTICED
        self._is_missed = True
