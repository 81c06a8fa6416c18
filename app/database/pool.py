"""The driver: SQLAlchemy's pool of asyncpg's connections, and who has them."""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import event, func, select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import greenlet_spawn

from app.core import urls
from app.core.errors import AppError, DatabaseBusy, DatabaseUnavailable
from app.core.settings import Settings, SettingsError
from app.database import connection_errors, pgbouncer
from app.database.lease import Lease, translated
from app.database.places import Places
from app.database.statement import Statement


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


_PLAN_CACHE_MODE = Statement(select(func.current_setting("plan_cache_mode")))


class Pool:
    """Connections in AUTOCOMMIT, opened as they are needed and kept.

    There are `size` at most, and `waiting` tasks for one. No holder has more than a `share` of them
    at once: what is dear for one is slow for that one, and not for all.
    """

    def __init__(self, url: str, settings: Settings, *, size: int, share: int) -> None:
        self._mode = pgbouncer.mode(settings)
        self.keeps_session = self._mode.keeps_session
        self._settings = settings
        self.engine = make_engine(
            url,
            pool_reset_on_return=None,
            pool_size=size,
            max_overflow=0,
            # The one that was used last is warm, here and in PostgreSQL.
            pool_use_lifo=True,
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
        if self._mode.when_open:
            pgbouncer.set_when_open(self.engine, self._mode.when_open)
        self._pool: QueuePool = self.engine.sync_engine.pool  # type: ignore[assignment]
        # Places in the pool whose connection broke: whoever takes one opens it anew.
        self._broken: set[object] = set()
        self._places = Places(size, share)
        self.size = size
        self.waiting = 0
        event.listen(self._pool, "invalidate", self._note_broken)
        event.listen(self._pool, "connect", self._note_open)

    async def lease(self, holder: object = None) -> Lease:
        """A connection for this holder; one that broke while it was idle is replaced.

        Raises `DatabaseBusy` if there is none for `database_pool_timeout`, `DatabaseUnavailable`.
        """
        if not self._places.take(holder):
            await self._wait(holder)
        try:
            with translated():
                while True:
                    if self._pool.checkedin() and not self._broken:
                        # One is there, and a switch into a greenlet costs as much as a query.
                        connection = self.engine.sync_engine.raw_connection()
                    else:
                        connection = await self.engine.raw_connection()
                    driver: Any = connection.driver_connection
                    if not driver.is_closed():
                        return Lease(connection, partial(self._places.give_back, holder))
                    await greenlet_spawn(connection.invalidate)
        except BaseException:
            self._places.give_back(holder)
            raise

    @property
    def in_use(self) -> int:
        """How many connections somebody has."""
        return self._pool.checkedout()

    async def check_session(self) -> None:
        """Raise `SettingsError` where a pooler is between of which the settings do not tell.

        Raises `DatabaseBusy`, `DatabaseUnavailable`, whose cause says what else is wrong.
        """
        try:
            lease = await self.lease()
            if not self.keeps_session:
                # That it let us in is all that can be asked outside of a transaction.
                lease.close()
                return
            [[found]] = await lease.fetch(_PLAN_CACHE_MODE, [], release=True)
        except AppError as error:
            if not isinstance(error.__cause__, Exception) or not pgbouncer.refuses(error.__cause__):
                raise
            found = None
        if found == pgbouncer.session_settings(self._settings)["plan_cache_mode"]:
            return
        if self._settings.database_pool_mode == "none":
            raise SettingsError(
                "a database's URL is of a pooler, such as PgBouncer: set "
                "TICKBOX_DATABASE_POOL_MODE to the mode of its pools; with transaction, set "
                "TICKBOX_DATABASE_DIRECT_URL to the database behind it, too"
            )
        raise SettingsError(
            "the pooler does not take `options` of a database's URL: leave them out"
        )

    async def check_encoding(self) -> None:
        """Raise `SettingsError` where text is kept in an encoding that not every letter is in.

        Raises `DatabaseBusy`, `DatabaseUnavailable`.
        """
        lease = await self.lease()
        driver: Any = lease.driver_connection
        # It says so to every client.
        problem = connection_errors.encoding(driver.get_settings().server_encoding)
        lease.close()
        if problem:
            raise SettingsError(problem)

    async def first(self, lease: Lease, command: str, then: str = "") -> str:
        """Run the command that begins a transaction, set what holds for it, and go on with `then`.

        Gives the status of the last, such as `SELECT 1`. Raises `DatabaseBusy` if a pooler has no
        server to give, and as `Lease.execute` does.
        """
        mode = self._mode
        try:
            return await lease.execute(command + mode.local + then, seconds=mode.first_seconds)
        except DatabaseUnavailable as error:
            if mode.first_seconds is None or not isinstance(error.__cause__, TimeoutError):
                raise
            raise DatabaseBusy from error

    async def command(self, lease: Lease, name: str, sql: str, value: UUID) -> str:
        """What runs a statement of one parameter within a command.

        Where a connection keeps its session, it is prepared there once, under this name. Raises as
        `Lease.prepare` does.
        """
        if not self.keeps_session:
            return sql.replace("$1", f"'{value}'")
        await lease.prepare(name, sql)
        return f"EXECUTE {name} ('{value}')"

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()

    async def _wait(self, holder: object) -> None:
        self.waiting += 1
        try:
            async with asyncio.timeout(self._settings.database_pool_timeout):
                await self._places.wait(holder)
        except TimeoutError as error:
            raise DatabaseBusy from error
        finally:
            self.waiting -= 1

    def _note_broken(self, _connection: object, place: object, _reason: object) -> None:
        self._broken.add(place)

    def _note_open(self, _connection: object, place: object) -> None:
        self._broken.discard(place)
