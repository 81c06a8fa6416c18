"""PostgreSQL: the pool, compiled statements, and the one owner of transactions.

Statements are SQLAlchemy Core, compiled once (`Statement`) and run by the driver on a connection
of SQLAlchemy's pool: that is several times cheaper than compiling or wrapping them in each
request. The pool is in AUTOCOMMIT, so that a read is one round trip, without BEGIN and ROLLBACK;
`unit_of_work()` says BEGIN and COMMIT itself, and nobody else does.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Annotated, Any, Protocol
from uuid import UUID

import asyncpg
from fastapi import Depends, Request
from sqlalchemy.pool import PoolProxiedConnection

from app.core.config import Settings
from app.core.driver import Pool, run
from app.core.errors import AppError, DatabaseUnavailable
from app.core.statement import Statement

logger = logging.getLogger(__name__)

AfterCommit = Callable[[], Awaitable[None]]
Outdate = Callable[[Iterable[UUID]], Awaitable[None]]


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

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """See `Connection.fetch_all`."""
        lease = await self._pool.lease()
        return await run(lease, statement.sql, statement.arguments(params), release=True)


class Session(Connection):
    """One transaction, begun by its first statement; `unit_of_work()` ends it.

    `projects` are those in which it changed something, as its statements tell.
    """

    def __init__(self, pool: Pool, outdate: Outdate, opening: "Opening | None" = None) -> None:
        self._pool = pool
        self._outdate = outdate
        self._opening = opening
        self._lease: PoolProxiedConnection | None = None
        self._after_commit: list[AfterCommit] = []
        self._audience: set[UUID] = set()
        self.projects: set[UUID] = set()

    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """See `Connection.fetch_all`."""
        if self._lease is None:
            self._lease = await self._pool.lease()
            await self._pool.first(self._lease, "BEGIN")
            if self._opening is not None:
                await self._opening.begin(self)
        rows = await run(self._lease, statement.sql, statement.arguments(params))
        if statement.tells_audience:
            for row in rows:
                if row["project_id"] is not None:
                    self.projects.add(row["project_id"])
                self._audience.update(row["audience"] or ())
        return rows

    def after_commit(self, action: AfterCommit) -> None:
        """Do this once the transaction is kept, before the answer leaves; it may be lost."""
        self._after_commit.append(action)

    async def _commit(self) -> None:
        if self._lease is not None and not self._lease.is_valid:
            # What was done on it is lost: nothing may be answered as if it were kept.
            raise DatabaseUnavailable
        try:
            await self._end("COMMIT")
        except BaseException:
            # It may have been kept all the same, and whoever tries again is told so.
            await self._tell_audience()
            raise
        await self._tell_audience()
        for action in self._after_commit:
            try:
                await action()
            except Exception:
                logger.exception("an action after the commit failed")

    async def _tell_audience(self) -> None:
        """What they read before is outdated: it comes before the answer, whatever this says."""
        if self._audience:
            try:
                await self._outdate(self._audience)
            except Exception:
                logger.exception("the cache could not be told of a commit")

    async def _rollback(self) -> None:
        try:
            await self._end("ROLLBACK")
        except AppError as error:
            logger.warning("rollback failed: %s", error.code)

    async def _end(self, command: str) -> None:
        if self._lease is not None:
            lease, self._lease = self._lease, None
            if lease.is_valid:
                await run(lease, command, release=True)


class _ReadTransactions(ReadConnection):
    """For reads where only a transaction keeps a server: each statement is in one of its own."""

    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """See `Connection.fetch_all`."""
        async with _transaction(Session(self._pool, _nobody_looks)) as session:
            return await session.fetch_all(statement, **params)


@asynccontextmanager
async def _transaction(session: Session) -> AsyncIterator[Session]:
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


class Opening(Protocol):
    """What is done first in a transaction, before the statement that begins it."""

    async def begin(self, session: Session) -> None:
        """Raises whatever is to end the transaction."""


async def _nobody_looks(_audience: Iterable[UUID]) -> None:
    """Nothing that was read before is kept."""


class Database:
    """The pools of one process.

    `outdate` is told, after each commit, whose view of the data has changed by it.
    """

    def __init__(self, settings: Settings, outdate: Outdate = _nobody_looks) -> None:
        self._outdate = outdate
        assert settings.database_url is not None
        self._writer = Pool(settings.database_url.get_secret_value(), settings)
        replica = settings.database_read_url
        self._reader = (
            Pool(replica.get_secret_value(), settings) if replica is not None else self._writer
        )
        connection = ReadConnection if self._writer.keeps_session else _ReadTransactions
        self.reader = connection(self._reader)
        # What must see its own writes, or decides about security, does not read from a replica.
        self.primary = connection(self._writer)

    def unit_of_work(self, opening: Opening | None = None) -> AbstractAsyncContextManager[Session]:
        """One transaction: kept if the block ends well, else rolled back."""
        return _transaction(Session(self._writer, self._outdate, opening))

    @property
    def pools(self) -> dict[str, Pool]:
        """Each pool that there is: `primary`, and `replica` for reads if they have their own."""
        pools = {"primary": self._writer}
        return pools if self._reader is self._writer else pools | {"replica": self._reader}

    async def check(self) -> None:
        """Raise `SettingsError` where a database is not what the settings say, or Tickbox needs.

        It may be behind a pooler that they ignore, or keep text in another encoding than UTF-8.
        What else may be wrong is for whoever needs the database next.
        """
        for pool in self.pools.values():
            with suppress(AppError):
                await pool.check_session()
                await pool.check_encoding()

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.close()
        if self._reader is not self._writer:
            await self._reader.close()


async def _unit_of_work(request: Request) -> AsyncIterator[Session]:
    opening = request.scope["state"].get("claim")
    async with request.app.state.database.unit_of_work(opening) as session:
        yield session


async def _read_connection(request: Request) -> ReadConnection:
    database = request.app.state.database
    # What is going to be cached is no older than the version that it is kept under: a replica's is.
    reader: ReadConnection = (
        database.primary if "slot" in request.scope["state"] else database.reader
    )
    return reader


async def _primary(request: Request) -> ReadConnection:
    primary: ReadConnection = request.app.state.database.primary
    return primary


# "function": the commit comes before the answer, so that a failed one is never a 201.
Transaction = Annotated[Session, Depends(_unit_of_work, scope="function")]
Reading = Annotated[ReadConnection, Depends(_read_connection)]
ReadingPrimary = Annotated[ReadConnection, Depends(_primary)]
