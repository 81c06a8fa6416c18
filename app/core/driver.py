"""The driver: SQLAlchemy's pool of asyncpg's connections, and what asyncpg's failures mean."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import asyncpg
from sqlalchemy import event, exc
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection, QueuePool
from sqlalchemy.util import greenlet_spawn

from app.core import urls
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


class _Mode(NamedTuple):
    """How long a connection means the same server, and what follows from it.

    `local` goes with the command that begins a transaction, which may take `first_seconds`.
    """

    server_settings: dict[str, str]
    connect_args: dict[str, Any]
    options: dict[str, Any]
    local: str = ""
    first_seconds: float | None = None


_SERVER_SETTINGS = {"application_name": "tickbox", "timezone": "UTC"}


def _session_settings(settings: Settings) -> dict[str, str]:
    milliseconds = str(int(settings.statement_timeout * 1000))
    return {
        "jit": "off",
        # One plan a statement, made once a connection, however unlike the parameters are:
        # statements are written for the index that serves them.
        "plan_cache_mode": "force_generic_plan",
        "statement_timeout": milliseconds,
        "idle_in_transaction_session_timeout": milliseconds,
    }


def _session_mode(settings: Settings) -> _Mode:
    """For as long as it is open: what is set or prepared once, stays."""
    return _Mode(
        {**_SERVER_SETTINGS, **_session_settings(settings)},
        {
            "statement_cache_size": 256,
            # The driver prepares longer ones anew each time.
            "max_cacheable_statement_size": 32 * 1024,
        },
        {"isolation_level": "AUTOCOMMIT"},
    )


def _transaction_mode(settings: Settings) -> _Mode:
    """For a transaction: nothing outlasts it, and what SQLAlchemy asks at first is in one too."""
    local = "".join(
        f"; SET LOCAL {name} = '{value}'" for name, value in _session_settings(settings).items()
    )
    return _Mode(
        _SERVER_SETTINGS,
        {
            "statement_cache_size": 0,
            "prepared_statement_cache_size": 0,
            "prepared_statement_name_func": str,  # none has a name
        },
        {},
        local,
        # It is then that the pooler may have no server to give.
        settings.database_pool_timeout,
    )


class Pool:
    """Connections in AUTOCOMMIT, opened as they are needed and kept.

    There are `size` at most, and `waiting` tasks for one that is in use.
    """

    def __init__(self, url: str, settings: Settings) -> None:
        mode = _session_mode if settings.database_pool_mode == "session" else _transaction_mode
        self._mode = mode(settings)
        self.keeps_session = mode is _session_mode
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

    async def check(self) -> None:
        """Raise `SettingsError` where a pooler is between that does not keep a session, unasked.

        What else may be wrong is for whoever needs the database next.
        """
        wanted = self._mode.server_settings.get("plan_cache_mode")
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
            reason = error.__cause__
            is_refused = isinstance(reason, asyncpg.ProtocolViolationError)
            if not is_refused or "startup parameter" not in str(reason):
                return
        if not self.keeps_session:
            raise SettingsError(
                "the pooler does not take `options` of a database's URL: leave them out"
            )
        if found != wanted:
            raise SettingsError(
                "a database's URL is of a pooler, such as PgBouncer: set "
                "TICKBOX_DATABASE_POOL_MODE to transaction, and TICKBOX_DATABASE_DIRECT_URL to the "
                "database behind it"
            )

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
