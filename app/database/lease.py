"""A connection that somebody has for a while, and what the driver's failures on it mean."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from sqlalchemy import exc
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from app.core.errors import DatabaseBusy, DatabaseUnavailable, ValidationFailed
from app.database.statement import Statement

_T = TypeVar("_T")

Rows = list[asyncpg.Record]


class Lease:
    """A connection of the pool, until it is closed; `give_back` is called then, once."""

    __slots__ = ("_connection", "_give_back", "driver_connection")

    def __init__(self, connection: PoolProxiedConnection, give_back: Callable[[], None]) -> None:
        self._connection = connection
        self._give_back: Callable[[], None] | None = give_back
        self.driver_connection: Any = connection.driver_connection

    @property
    def is_valid(self) -> bool:
        """Whether it is still a connection."""
        return self._give_back is not None

    async def fetch(
        self, statement: Statement, arguments: list[Any], *, release: bool = False
    ) -> Rows:
        """A statement's rows.

        Raises `DatabaseUnavailable`, `DatabaseBusy`, `ValidationFailed`, or what a constraint says.
        """
        if statement.is_frequent is None:
            rows = self.driver_connection.fetch(statement.sql, *arguments)
        else:
            rows = self._fetch_shape(statement, arguments)
        return await self._run(rows, release=release)

    async def execute(
        self, command: str, *, release: bool = False, seconds: float | None = None
    ) -> str:
        """Run a command that gives no rows, and may take `seconds`. Raises as `fetch` does.

        Gives the status of its last statement, such as `SELECT 1`.
        """
        execution = self.driver_connection.execute(command, timeout=seconds)
        return await self._run(execution, release=release)

    async def prepare(self, name: str, sql: str) -> None:
        """Have a statement prepared on this connection, for `EXECUTE`. Raises as `fetch` does."""
        info = self._connection.info
        if name not in info:
            # Kept, since the driver lets go of it otherwise.
            info[name] = await self._run(
                self.driver_connection.prepare(sql, name=name), release=False
            )

    def close(self) -> None:
        """Leave it to others."""
        if self._give_back is not None:
            give_back, self._give_back = self._give_back, None
            try:
                self._connection.close()
            finally:
                give_back()

    async def discard(self) -> None:
        """Have it replaced by a new one: it broke."""
        if self._give_back is not None:
            give_back, self._give_back = self._give_back, None
            try:
                await greenlet_spawn(self._connection.invalidate)
            finally:
                give_back()

    async def _run(self, work: Awaitable[_T], *, release: bool) -> _T:
        try:
            with translated():
                return await work
        except (asyncio.CancelledError, DatabaseUnavailable):
            # Nobody knows what state it is in.
            self.driver_connection.terminate()
            await self.discard()
            raise
        finally:
            if release:
                self.close()

    async def _fetch_shape(self, statement: Statement, arguments: list[Any]) -> Rows:
        """One of many `Shapes`: what is not frequent leaves nothing prepared.

        What was frequent is dropped before another one is prepared; the driver closes it then.
        """
        prepared: dict[Statement, PreparedStatement] = self._connection.info.setdefault(
            "shapes", {}
        )
        if not statement.is_frequent:
            prepared.pop(statement, None)
            unnamed = await self.driver_connection.prepare(statement.sql, name="")
            rows: Rows = await unnamed.fetch(*arguments)
            return rows
        if statement not in prepared:
            for other in [other for other in prepared if not other.is_frequent]:
                del prepared[other]
            prepared[statement] = await self.driver_connection.prepare(statement.sql)
        try:
            rows = await prepared[statement].fetch(*arguments)
        except asyncpg.InvalidCachedStatementError:
            # A column has another type than when it was prepared.
            del prepared[statement]
            raise
        return rows


@contextmanager
def translated() -> Iterator[None]:
    """The driver's failures as ours; a violated constraint is left to the repository."""
    try:
        yield
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
