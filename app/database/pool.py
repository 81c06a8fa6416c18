"""The connection pool: connections of asyncpg's, with a limit for each holder."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import func, select

from app.core import urls
from app.core.errors import (
    AppError,
    DatabaseBusy,
    DatabaseUnavailable,
    LocksContended,
    ValidationFailed,
)
from app.core.settings import Settings, SettingsError
from app.database import connection_errors
from app.database.fair_semaphore import FairSemaphore
from app.database.statement import Statement

_T = TypeVar("_T")

# On a connection: the program's own statements, and the frequent ones of many `Shapes`.
STATEMENT_CACHE_SIZE = 128

_BUSY = (
    asyncpg.QueryCanceledError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
    asyncpg.InvalidCachedStatementError,  # a migration has just changed a column
)
_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # the server has just ended the connection, for one
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    OSError,
)
_UNKNOWN_POOLER = (
    "a database's URL is of a pooler, such as PgBouncer: set TICKBOX_DATABASE_POOL_MODE to the "
    "mode of its pools; with transaction, set TICKBOX_DATABASE_DIRECT_URL to the database behind "
    "it, too"
)
_PLAN_CACHE_MODE = Statement(select(func.current_setting("plan_cache_mode")))


async def connect(
    url: str, name: str, session: Mapping[str, str], *, pool_mode: str, **options: Any
) -> Any:
    """Open a connection with an application name and session settings.

    The settings are startup parameters. A pooler refuses those: in `pool_mode` "session" they are
    SET once the connection is open, and in "transaction" they are left to each transaction. What
    the URL says wins over them, and over `options`, which are asyncpg's.
    """
    given = urls.postgres(url).arguments
    # PgBouncer accepts these two in every mode.
    settings = {"application_name": name, "timezone": "UTC"}
    if pool_mode == "none":
        settings |= session
    options |= given | {"server_settings": settings | given["server_settings"]}
    driver = await asyncpg.connect(**options)
    if pool_mode == "session":
        try:
            await driver.execute(_commands("SET", session))
        except BaseException:
            driver.terminate()
            raise
    return driver


def _commands(verb: str, settings: Mapping[str, str]) -> str:
    return "; ".join(f"{verb} {name} = '{value}'" for name, value in settings.items())


class PooledConnection:
    """A connection of the pool.

    It is closed as soon as a statement is cancelled or the server fails, since its state is unknown
    then.
    """

    __slots__ = ("_keeps_session", "driver_connection", "holds_accounts", "share")

    def __init__(self, driver_connection: Any, *, keeps_session: bool) -> None:
        self.driver_connection = driver_connection
        self._keeps_session = keeps_session
        # Whether the statement that locks an account is prepared.
        self.holds_accounts = False
        # What to release with it.
        self.share: asyncio.Semaphore

    @property
    def is_closed(self) -> bool:
        """Whether it was closed, by this side or by the server."""
        return bool(self.driver_connection.is_closed())

    async def fetch(self, statement: Statement, arguments: list[Any]) -> list[asyncpg.Record]:
        """A statement's rows.

        Raises `DatabaseUnavailable`, `DatabaseBusy`, `ValidationFailed`, or what a constraint says.
        """
        if statement.is_prepared or not self._keeps_session:
            # Prepared the first time, and then kept by the driver, which closes the oldest ones.
            return await self._run(self.driver_connection.fetch(statement.sql, *arguments))
        return await self._run(self._fetch_unnamed(statement.sql, arguments))

    async def execute(self, command: str, *, seconds: float | None = None) -> str:
        """Run a command without parameters, in `seconds` at most. Raises as `fetch` does.

        Returns the status of its last statement, such as `SELECT 1`.
        """
        return await self._run(self.driver_connection.execute(command, timeout=seconds))

    async def _fetch_unnamed(self, sql: str, arguments: list[Any]) -> list[asyncpg.Record]:
        statement = await self.driver_connection.prepare(sql, name="")
        rows: list[asyncpg.Record] = await statement.fetch(*arguments)
        return rows

    async def _run(self, work: Awaitable[_T]) -> _T:
        """Translate the driver's errors; a violated constraint is left to the repository."""
        try:
            return await work
        except asyncio.CancelledError:
            self.driver_connection.terminate()
            raise
        except asyncpg.DeadlockDetectedError as error:
            raise LocksContended from error
        except _BUSY as error:
            raise DatabaseBusy from error
        except asyncpg.DataError as error:
            # Input is validated before; this is for what validation missed.
            raise ValidationFailed from error
        except _UNAVAILABLE as error:
            self.driver_connection.terminate()
            raise DatabaseUnavailable from error


class Pool:
    """At most `size` connections in AUTOCOMMIT, of which no holder has more than a `share` at once.

    They are opened as they are needed, and kept. `in_use` and `waiting` count connections and
    tasks. `keeps_session` is False where a connection may get another server with each transaction,
    as by PgBouncer in transaction mode.
    """

    def __init__(self, url: str, settings: Settings, *, size: int, share: int) -> None:
        self.size = size
        self.in_use = 0
        self.waiting = 0
        self.keeps_session = settings.database_pool_mode != "transaction"
        self._url = url
        self._settings = settings
        self._turns = FairSemaphore(size, share)
        # The last one in is the first out: its caches are warm.
        self._idle: list[PooledConnection] = []
        milliseconds = str(int(settings.statement_timeout * 1000))
        self._session = {
            "jit": "off",
            # A statement is planned once a connection, whatever its parameters: each is written for
            # the index that serves it.
            "plan_cache_mode": "force_generic_plan",
            "statement_timeout": milliseconds,
            "idle_in_transaction_session_timeout": milliseconds,
        }
        # What goes with BEGIN where a pooler gives a server for a transaction only, and how many
        # seconds it may take to give one.
        self.begin_settings = ""
        self.begin_seconds: float | None = None
        if not self.keeps_session:
            self.begin_settings = "; " + _commands("SET LOCAL", self._session)
            self.begin_seconds = settings.database_pool_timeout

    async def acquire(self, holder: object = None) -> PooledConnection:
        """A connection for this holder, which must be released.

        Raises `DatabaseBusy` after `database_pool_timeout` seconds, and `DatabaseUnavailable`.
        """
        self.waiting += 1
        try:
            async with asyncio.timeout(self._settings.database_pool_timeout):
                share = await self._turns.acquire(holder)
        except TimeoutError as error:
            raise DatabaseBusy from error
        finally:
            self.waiting -= 1
        try:
            while self._idle:
                connection = self._idle.pop()
                if not connection.is_closed:
                    break
            else:
                connection = await self._open()
        except BaseException:
            self._turns.release(share)
            raise
        connection.share = share
        self.in_use += 1
        return connection

    def release(self, connection: PooledConnection) -> None:
        """Put a connection back, unless it is closed."""
        self.in_use -= 1
        if not connection.is_closed:
            self._idle.append(connection)
        self._turns.release(connection.share)

    async def check(self) -> None:
        """Raise `SettingsError` for a pooler that the settings ignore, or an encoding but UTF-8.

        Raises `DatabaseBusy`, `DatabaseUnavailable`.
        """
        is_direct = self._settings.database_pool_mode == "none"
        try:
            connection = await self.acquire()
        except AppError as error:
            if not connection_errors.refuses_settings(error.__cause__):
                raise
            reason = "the pooler does not take `options` of a database's URL: leave them out"
            raise SettingsError(_UNKNOWN_POOLER if is_direct else reason) from error
        try:
            encoding = connection.driver_connection.get_settings().server_encoding
            if encoding.upper().replace("-", "") != "UTF8":
                raise SettingsError(
                    f"the database's encoding is {encoding}: make another one with "
                    "`CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`"
                )
            if is_direct:
                [[found]] = await connection.fetch(_PLAN_CACHE_MODE, [])
                if found != self._session["plan_cache_mode"]:
                    raise SettingsError(_UNKNOWN_POOLER)
        finally:
            self.release(connection)

    async def close(self) -> None:
        """Close the idle connections."""
        idle, self._idle = self._idle, []
        closing = (each.driver_connection.close(timeout=2) for each in idle)
        await asyncio.gather(*closing, return_exceptions=True)

    async def _open(self) -> PooledConnection:
        try:
            driver = await connect(
                self._url,
                "tickbox",
                self._session,
                pool_mode=self._settings.database_pool_mode,
                timeout=self._settings.statement_timeout,
                # For a server that does not answer at all: PostgreSQL's own limit comes first.
                command_timeout=self._settings.statement_timeout + 1,
                statement_cache_size=STATEMENT_CACHE_SIZE if self.keeps_session else 0,
                # The driver would not cache longer statements by default.
                max_cacheable_statement_size=32 * 1024,
            )
        except connection_errors.FAILURES as error:
            is_busy = isinstance(error, asyncpg.TooManyConnectionsError)
            raise (DatabaseBusy if is_busy else DatabaseUnavailable) from error
        return PooledConnection(driver, keeps_session=self.keeps_session)
