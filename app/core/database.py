"""PostgreSQL: the pool, compiled statements, and the one owner of transactions.

Statements are SQLAlchemy Core, compiled once (`Statement`) and run by the driver on a connection
of SQLAlchemy's pool: that is several times cheaper than compiling or wrapping them in each
request. The pool is in AUTOCOMMIT, so that a read is one round trip, without BEGIN and ROLLBACK;
`unit_of_work()` says BEGIN and COMMIT itself, and nobody else does.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import exc, make_url
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from app.core.config import Settings, SettingsError
from app.core.errors import (
    AppError,
    DatabaseBusy,
    DatabaseUnavailable,
    ValidationFailed,
)
from app.core.statement import Statement

logger = logging.getLogger(__name__)

# What both libpq and asyncpg know; asyncpg takes the rest from PG* variables (PGSSLROOTCERT).
_URL_PARAMETERS = {"host", "port", "ssl"}

AfterCommit = Callable[[], Awaitable[None]]


class Connection(ABC):
    """What a repository runs statements on."""

    @abstractmethod
    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """All rows. Raises `DatabaseUnavailable`, `DatabaseBusy`, or what a constraint says."""

    async def fetch_one(self, statement: Statement, **params: Any) -> asyncpg.Record | None:
        """The first row, if there is one."""
        rows = await self.fetch_all(statement, **params)
        return rows[0] if rows else None

    async def fetch_value(self, statement: Statement, **params: Any) -> Any:
        """The first column of the first row, or None."""
        rows = await self.fetch_all(statement, **params)
        return rows[0][0] if rows else None


class ReadConnection(Connection):
    """For reads: each statement takes a pooled connection for just as long as it runs."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """See `Connection.fetch_all`."""
        lease = await _lease(self._engine)
        return await _run(lease, statement.sql, statement.arguments(params), release=True)


class Session(Connection):
    """One transaction, begun by its first statement; `unit_of_work()` ends it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._lease: PoolProxiedConnection | None = None
        self._after_commit: list[AfterCommit] = []

    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """See `Connection.fetch_all`."""
        if self._lease is None:
            self._lease = await _lease(self._engine)
            await _run(self._lease, "BEGIN")
        return await _run(self._lease, statement.sql, statement.arguments(params))

    def after_commit(self, action: AfterCommit) -> None:
        """Do this once the transaction is kept, before the answer leaves; it may be lost."""
        self._after_commit.append(action)

    async def _commit(self) -> None:
        if self._lease is not None and not self._lease.is_valid:
            # What was done on it is lost: nothing may be answered as if it were kept.
            raise DatabaseUnavailable
        await self._end("COMMIT")
        for action in self._after_commit:
            try:
                await action()
            except Exception:
                logger.exception("an action after the commit failed")

    async def _rollback(self) -> None:
        try:
            await self._end("ROLLBACK")
        except AppError as error:
            logger.warning("rollback failed: %s", error.code)

    async def _end(self, command: str) -> None:
        if self._lease is not None:
            lease, self._lease = self._lease, None
            if lease.is_valid:
                await _run(lease, command, release=True)


class Database:
    """The pools of one process."""

    def __init__(self, settings: Settings) -> None:
        assert settings.database_url is not None
        self._writer = _engine(settings.database_url.get_secret_value(), settings)
        replica = settings.database_read_url
        self._reader = (
            _engine(replica.get_secret_value(), settings) if replica is not None else self._writer
        )
        self.reader = ReadConnection(self._reader)
        # What must see its own writes, or decides about security, does not read from a replica.
        self.primary = ReadConnection(self._writer)

    @asynccontextmanager
    async def unit_of_work(self) -> AsyncIterator[Session]:
        """One transaction: kept if the block ends well, else rolled back."""
        session = Session(self._writer)
        try:
            yield session
        except AppError as error:
            if error.keeps_transaction:
                await session._commit()
            else:
                await session._rollback()
            raise
        except BaseException:
            await session._rollback()
            raise
        else:
            await session._commit()

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()


async def _unit_of_work(request: Request) -> AsyncIterator[Session]:
    async with request.app.state.database.unit_of_work() as session:
        yield session


async def _read_connection(request: Request) -> ReadConnection:
    reader: ReadConnection = request.app.state.database.reader
    return reader


async def _primary(request: Request) -> ReadConnection:
    primary: ReadConnection = request.app.state.database.primary
    return primary


# "function": the commit comes before the answer, so that a failed one is never a 201.
Transaction = Annotated[Session, Depends(_unit_of_work, scope="function")]
Reading = Annotated[ReadConnection, Depends(_read_connection)]
ReadingPrimary = Annotated[ReadConnection, Depends(_primary)]


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


def _engine(url: str, settings: Settings) -> AsyncEngine:
    milliseconds = str(int(settings.statement_timeout * 1000))
    return create_async_engine(
        driver_url(url),
        isolation_level="AUTOCOMMIT",
        pool_reset_on_return=None,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_pool_timeout,
        hide_parameters=True,
        connect_args={
            "timeout": settings.statement_timeout,
            # Longer than PostgreSQL's own limit: it is for a server that does not answer at all.
            "command_timeout": settings.statement_timeout + 1,
            "statement_cache_size": 256,
            # The driver prepares longer ones anew each time.
            "max_cacheable_statement_size": 32 * 1024,
            "server_settings": {
                "application_name": "tickbox",
                "timezone": "UTC",
                "jit": "off",
                # One plan a statement, made once a connection, however unlike the parameters are:
                # statements are written for the index that serves them.
                "plan_cache_mode": "force_generic_plan",
                "statement_timeout": milliseconds,
                "idle_in_transaction_session_timeout": milliseconds,
            },
        },
    )


async def _lease(engine: AsyncEngine) -> PoolProxiedConnection:
    """A connection of the pool; one that broke while it was idle is replaced."""
    with _translated():
        while True:
            lease = await engine.raw_connection()
            driver: Any = lease.driver_connection
            if not driver.is_closed():
                return lease
            await greenlet_spawn(lease.invalidate)


async def _run(
    lease: PoolProxiedConnection,
    sql: str,
    arguments: list[Any] | None = None,
    *,
    release: bool = False,
) -> list[asyncpg.Record]:
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
