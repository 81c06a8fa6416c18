"""The driver: SQLAlchemy's pool of asyncpg's connections, and what asyncpg's failures mean."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
from sqlalchemy import event, exc, make_url
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from sqlalchemy.util import greenlet_spawn

from app.core.config import Settings, SettingsError
from app.core.errors import DatabaseBusy, DatabaseUnavailable, ValidationFailed

# What both libpq and asyncpg know; asyncpg takes the rest from PG* variables (PGSSLROOTCERT).
_URL_PARAMETERS = {"host", "port", "ssl"}


def driver_url(url: str) -> URL:
    """The URL as platforms give it (`postgres://`, `?sslmode=`), for SQLAlchemy and asyncpg.

    Raises `SettingsError` for a parameter that would be the end of every connection.
    """
    parsed = make_url(url).set(drivername="postgresql+asyncpg")
    query = dict(parsed.query)
    if "sslmode" in query:
        query["ssl"] = query.pop("sslmode")
    if not query.keys() <= _URL_PARAMETERS:
        # Which one is not said: behind an unescaped "?" it may be part of the password.
        raise SettingsError("a database URL has no parameters here but host, port and sslmode")
    return parsed.set(query=query)


class Pool:
    """Connections in AUTOCOMMIT, opened as they are needed and kept.

    There are `size` at most, and `waiting` tasks for one that is in use.
    """

    def __init__(self, url: str, settings: Settings) -> None:
        milliseconds = str(int(settings.statement_timeout * 1000))
        self.engine = create_async_engine(
            driver_url(url),
            isolation_level="AUTOCOMMIT",
            pool_reset_on_return=None,
            pool_size=settings.database_pool_size,
            max_overflow=0,
            # The one that was used last is warm, here and in PostgreSQL.
            pool_use_lifo=True,
            pool_timeout=settings.database_pool_timeout,
            hide_parameters=True,
            connect_args={
                "timeout": settings.statement_timeout,
                # Longer than PostgreSQL's own limit: for a server that does not answer at all.
                "command_timeout": settings.statement_timeout + 1,
                "statement_cache_size": 256,
                # The driver prepares longer ones anew each time.
                "max_cacheable_statement_size": 32 * 1024,
                "server_settings": {
                    "application_name": "tickbox",
                    "timezone": "UTC",
                    "jit": "off",
                    # One plan a statement, made once a connection, however unlike the parameters
                    # are: statements are written for the index that serves them.
                    "plan_cache_mode": "force_generic_plan",
                    "statement_timeout": milliseconds,
                    "idle_in_transaction_session_timeout": milliseconds,
                },
            },
        )
        self._pool: QueuePool = self.engine.sync_engine.pool  # type: ignore[assignment]
        # Places in the pool whose connection broke: whoever takes one opens it anew.
        self._broken: set[object] = set()
        self.size = settings.database_pool_size
        self.waiting = 0
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

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    async def _wait(self) -> PoolProxiedConnection:
        if self.in_use < self.size:
            return await self.engine.raw_connection()
        self.waiting += 1
        try:
            return await self.engine.raw_connection()
        finally:
            self.waiting -= 1

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
) -> list[asyncpg.Record]:
    """A statement's rows; without `arguments` a command that gives none.

    Raises `DatabaseUnavailable`, `DatabaseBusy`, `ValidationFailed`, or what a constraint says.
    """
    driver: Any = lease.driver_connection
    try:
        with _translated():
            if arguments is None:
                status = await driver.execute(sql)
                if status != sql:
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
