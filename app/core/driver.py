"""The driver: SQLAlchemy's pool of asyncpg's connections, and what asyncpg's failures mean."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import asyncpg
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from sqlalchemy.util import greenlet_spawn

from app.core import pooler, refusals, urls
from app.core.config import Settings, SettingsError
from app.core.errors import AppError, DatabaseBusy, DatabaseUnavailable, ValidationFailed


def make_engine(
    url: str, *, server_settings: Mapping[str, str], timeout: float, **options: Any
) -> AsyncEngine:
    """SQLAlchemy's engine for a URL as platforms give it.

    What the URL says wins: over `server_settings`, of the session, and over the `timeout` of a new
    connection, in seconds. Raises `ValueError` for a URL that is not understood.
    """
    given = urls.postgres(url).arguments
    connect_args = {"timeout": timeout, **options.pop("connect_args", {}), **given}
    connect_args["server_settings"] = {**server_settings, **given["server_settings"]}
    return create_async_engine("postgresql+asyncpg://", connect_args=connect_args, **options)


# A pooler that is refused is not asked again before.
_MEETING_SECONDS = 10


class Pool:
    """Connections in AUTOCOMMIT, opened as they are needed and kept.

    There are `size` at most, and `waiting` tasks for one that is in use.
    """

    def __init__(self, url: str, settings: Settings) -> None:
        self.keeps_session = settings.database_pool_mode == "session"
        mode = pooler.session_mode if self.keeps_session else pooler.transaction_mode
        self._mode = mode(settings)
        self._url = url
        self._settings = settings
        self.engine = make_engine(
            url,
            pool_reset_on_return=None,
            pool_size=settings.database_pool_size,
            max_overflow=0,
            # The one that was used last is warm, here and in PostgreSQL.
            pool_use_lifo=True,
            pool_timeout=settings.database_pool_timeout,
            hide_parameters=True,
            timeout=settings.statement_timeout,
            server_settings=self._mode.server_settings,
            connect_args={
                # Longer than PostgreSQL's own limit: for a server that does not answer at all.
                "command_timeout": settings.statement_timeout + 1,
                **self._mode.connect_args,
            },
            **self._mode.options,
        )
        self._pool: QueuePool = self.engine.sync_engine.pool  # type: ignore[assignment]
        # Places in the pool whose connection broke: whoever takes one opens it anew.
        self._broken: set[object] = set()
        self.size = settings.database_pool_size
        self.waiting = 0
        # Whether a pooler is between that keeps a session, and has been met.
        self.is_behind_session_pooler = False
        self._meeting = asyncio.Lock()
        self._next_meeting = 0.0
        event.listen(self._pool, "invalidate", self._note_broken)
        event.listen(self._pool, "connect", self._note_open)

    async def lease(self) -> PoolProxiedConnection:
        """A connection; one that broke while it was idle is replaced.

        Raises `DatabaseBusy` if there is none for `database_pool_timeout`, `DatabaseUnavailable`.
        """
        with _translated():
            while True:
                if self._pool.checkedin() and not self._broken:
                    # One is there, and the switch into a greenlet would cost as much as a query.
                    lease = self.engine.sync_engine.raw_connection()
                else:
                    lease = await self._wait()
                driver: Any = lease.driver_connection
                if not driver.is_closed():
                    return lease
                await greenlet_spawn(lease.invalidate)

    @property
    def in_use(self) -> int:
        """How many connections somebody has."""
        return self._pool.checkedout()

    async def check_session(self) -> None:
        """Raise `SettingsError` where a pooler is between that does not keep a session, unasked.

        Raises `DatabaseBusy`, `DatabaseUnavailable`, whose cause says what else is wrong.
        """
        found = None
        try:
            lease = await self.lease()
            if not self.keeps_session:
                # That it let us in is all that can be asked outside of a transaction.
                lease.close()
                return
            [[found]] = await run(
                lease, "SELECT current_setting('plan_cache_mode')", [], release=True
            )
        except AppError as error:
            if not isinstance(error.__cause__, Exception) or not pooler.refuses(error.__cause__):
                raise
        if not self.keeps_session:
            raise SettingsError(
                "the pooler does not take `options` of a database's URL: leave them out"
            )
        if found != self._mode.server_settings["plan_cache_mode"]:
            raise SettingsError(
                "a database's URL is of a pooler, such as PgBouncer: set "
                "TICKBOX_DATABASE_POOL_MODE to transaction, and TICKBOX_DATABASE_DIRECT_URL to the "
                "database behind it"
            )

    async def check_encoding(self) -> None:
        """Raise `SettingsError` where text is kept in an encoding that not every letter is in.

        Raises `DatabaseBusy`, `DatabaseUnavailable`.
        """
        lease = await self.lease()
        driver: Any = lease.driver_connection
        # It says so to every client.
        problem = refusals.encoding(driver.get_settings().server_encoding)
        lease.close()
        if problem:
            raise SettingsError(problem)

    async def first(self, lease: PoolProxiedConnection, command: str) -> None:
        """Run the command that begins a transaction, and set what holds for it.

        Raises `DatabaseBusy` if a pooler has no server to give, and as `run` does.
        """
        mode = self._mode
        try:
            await run(lease, command + mode.local, seconds=mode.first_seconds)
        except DatabaseUnavailable as error:
            if mode.first_seconds is None or not isinstance(error.__cause__, TimeoutError):
                raise
            raise DatabaseBusy from error

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    async def _wait(self) -> PoolProxiedConnection:
        if self.in_use < self.size:
            return await self._connected()
        self.waiting += 1
        try:
            return await self._connected()
        finally:
            self.waiting -= 1

    async def _connected(self) -> PoolProxiedConnection:
        try:
            return await self.engine.raw_connection()
        except exc.EmulatedDBAPIException as error:
            if not self.keeps_session or not pooler.refuses(error):
                raise
            if not await self._meet_pooler():
                raise
        return await self.engine.raw_connection()

    async def _meet_pooler(self) -> bool:
        """Whether there is a pooler that keeps a session; from then on connections suit it."""
        async with self._meeting:
            now = asyncio.get_running_loop().time()
            if not self.is_behind_session_pooler and now >= self._next_meeting:
                self._next_meeting = now + _MEETING_SECONDS
                if await pooler.keeps_session(self._url, self._settings.statement_timeout):
                    pooler.say_when_open(self.engine, pooler.session_settings(self._settings))
                    self.is_behind_session_pooler = True
            return self.is_behind_session_pooler

    def _note_broken(self, _connection: object, place: object, _reason: object) -> None:
        self._broken.add(place)

    def _note_open(self, _connection: object, place: object) -> None:
        self._broken.discard(place)


async def run(
    lease: PoolProxiedConnection,
    sql: str,
    arguments: list[Any] | None = None,
    *,
    release: bool = False,
    seconds: float | None = None,
) -> list[asyncpg.Record]:
    """A statement's rows; without `arguments` a command that gives none, and may take `seconds`.

    Raises `DatabaseUnavailable`, `DatabaseBusy`, `ValidationFailed`, or what a constraint says.
    """
    driver: Any = lease.driver_connection
    try:
        with _translated():
            if arguments is None:
                status = await driver.execute(sql, timeout=seconds)
                if status not in sql:
                    # PostgreSQL answers COMMIT with ROLLBACK after an error that was swallowed.
                    raise DatabaseUnavailable
                return []
            rows: list[asyncpg.Record] = await driver.fetch(sql, *arguments)
            return rows
    except (asyncio.CancelledError, DatabaseUnavailable):
        # Nobody knows what state it is in.
        release = False
        driver.terminate()
        await greenlet_spawn(lease.invalidate)
        raise
    finally:
        if release:
            lease.close()


@contextmanager
def _translated() -> Iterator[None]:
    """The driver's failures as ours; a violated constraint is left to the repository."""
    try:
        yield
    except exc.TimeoutError as error:
        raise DatabaseBusy from error
    except exc.EmulatedDBAPIException as error:
        # SQLAlchemy connects, and so wraps what the server says to that: no such role, for one.
        reason = error.driver_exception
        is_busy = isinstance(reason, asyncpg.TooManyConnectionsError)
        raise (DatabaseBusy if is_busy else DatabaseUnavailable) from reason
    except (
        asyncpg.QueryCanceledError,
        asyncpg.DeadlockDetectedError,
        asyncpg.SerializationError,
        asyncpg.LockNotAvailableError,
        asyncpg.TooManyConnectionsError,
    ) as error:
        raise DatabaseBusy from error
    except asyncpg.IntegrityConstraintViolationError:
        raise
    except asyncpg.DataError as error:
        # Input is checked before it comes here; this is the net below, and says no more.
        raise ValidationFailed from error
    except (
        asyncpg.PostgresConnectionError,
        asyncpg.InterfaceError,
        asyncpg.InternalClientError,  # the server has just ended the connection, for one
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.ReadOnlySQLTransactionError,
        exc.DBAPIError,
        OSError,
        TimeoutError,
    ) as error:
        raise DatabaseUnavailable from error
