"""PostgreSQL: connections to read by, and the one owner of transactions.

Statements are SQLAlchemy Core, compiled once (`Statement`) and run by the driver: that is several
times cheaper than compiling or wrapping them in each request. Connections are in AUTOCOMMIT, so
that a read is one round trip, without BEGIN and ROLLBACK; `unit_of_work()` says BEGIN and COMMIT
itself, and nobody else does.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Self
from uuid import UUID

import asyncpg

from app.core.errors import AppError, DatabaseBusy, DatabaseUnavailable, InvalidToken
from app.core.settings import SECURITY_CONNECTIONS, Settings
from app.database.pool import Pool, PooledConnection
from app.database.statement import AFFECTED_USERS, Statement

logger = logging.getLogger(__name__)

AfterCommit = Callable[[], Awaitable[None]]
Invalidate = Callable[[Iterable[UUID]], Awaitable[None]]
# What is done first in a transaction; whatever it raises ends it.
OnBegin = Callable[["UnitOfWork"], Awaitable[None]]


async def _invalidate_nothing(_users: Iterable[UUID]) -> None:
    """Nothing that was read before is cached."""


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
    """For reads: each statement has a pooled connection for just as long as it runs.

    Where only a transaction keeps a server, each statement is in one of its own.
    """

    def __init__(self, pool: Pool, holder: object = None) -> None:
        self._pool = pool
        self._holder = holder

    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """See `Connection.fetch_all`."""
        if not self._pool.keeps_session:
            async with UnitOfWork(self._pool, holder=self._holder) as unit:
                return await unit.fetch_all(statement, **params)
        arguments = statement.arguments(params)
        connection = await self._pool.acquire(self._holder)
        try:
            return await connection.fetch(statement, arguments)
        finally:
            self._pool.release(connection)


class UnitOfWork(Connection):
    """One transaction, begun by its first statement: kept if the block ends well, else rolled back.

    The account in whose name it is, is there until it ends. `projects` are those in which it
    changed something, as its statements tell.
    """

    def __init__(
        self,
        pool: Pool,
        invalidate: Invalidate = _invalidate_nothing,
        on_begin: OnBegin | None = None,
        account: UUID | None = None,
        holder: object = None,
    ) -> None:
        self._pool = pool
        self._holder = holder
        self._invalidate = invalidate
        self._on_begin = on_begin
        self._account = account
        self._holds_alone = False
        self._connection: PooledConnection | None = None
        self._after_commit: list[AfterCommit] = []
        self._affected_users: set[UUID] = set()
        self.projects: set[UUID] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or (isinstance(error, AppError) and error.keeps_transaction):
            await self._commit()
        else:
            await self._rollback()

    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """See `Connection.fetch_all`."""
        if self._connection is None:
            self._connection = await self._pool.acquire(self._holder)
            await self._begin(self._connection)
            if self._on_begin is not None:
                await self._on_begin(self)
        rows = await self._connection.fetch(statement, statement.arguments(params))
        if statement.tells_affected_users:
            for row in rows:
                if row["project_id"] is not None:
                    self.projects.add(row["project_id"])
                self._affected_users.update(row[AFFECTED_USERS] or ())
        return rows

    def hold_account_alone(self) -> None:
        """From its begin on, wait for what is done in the account's name, and let others wait."""
        self._holds_alone = True

    def after_commit(self, action: AfterCommit) -> None:
        """Do this once the transaction is kept, before the answer leaves; it may be lost."""
        self._after_commit.append(action)

    async def _begin(self, connection: PooledConnection) -> None:
        """Raises `InvalidToken` if the account has ended."""
        command = "BEGIN" + self._pool.begin_settings
        if self._account is not None:
            # In the same round trip, and before all other locks: who ends an account waits for none
            # that is held here.
            command += "; " + await self._hold(connection, self._account)
        try:
            status = await connection.execute(command, seconds=self._pool.begin_seconds)
        except DatabaseUnavailable as error:
            if self._pool.begin_seconds is not None and isinstance(error.__cause__, TimeoutError):
                raise DatabaseBusy from error
            raise
        if status == "SELECT 0":
            raise InvalidToken("The account was deleted.")

    async def _hold(self, connection: PooledConnection, account: UUID) -> str:
        """SQL that locks an account as foreign keys do, which do not see whether it has ended."""
        hold = "SELECT FROM users WHERE id = {} AND deleted_at IS NULL FOR {}"
        if self._holds_alone or not self._pool.keeps_session:
            return hold.format(f"'{account}'", "UPDATE" if self._holds_alone else "KEY SHARE")
        if not connection.holds_accounts:
            prepare = "PREPARE hold_account (uuid) AS " + hold.format("$1", "KEY SHARE")
            await connection.execute(prepare)
            connection.holds_accounts = True
        return f"EXECUTE hold_account ('{account}')"

    async def _commit(self) -> None:
        actions: list[AfterCommit] = []
        if self._affected_users:
            actions.append(partial(self._invalidate, self._affected_users))
        try:
            await self._end("COMMIT")
            actions += self._after_commit
        finally:
            # What was read before is outdated also where COMMIT failed: it may have been kept.
            for action in actions:
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
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            if connection.is_closed and command == "ROLLBACK":
                return
            # PostgreSQL answers COMMIT with ROLLBACK after an error that was swallowed.
            if await connection.execute(command) != command:
                raise DatabaseUnavailable
        finally:
            self._pool.release(connection)


class Database:
    """The pools of one process.

    `invalidate` is told, after each commit, whose view of the data has changed by it. Nobody holds
    more than a quarter of a pool at once: no user, not all requests together that are nobody's,
    and not the process itself.
    """

    def __init__(self, settings: Settings, invalidate: Invalidate = _invalidate_nothing) -> None:
        self._invalidate = invalidate
        assert settings.database_url is not None
        url = settings.database_url.get_secret_value()
        size = settings.database_pool_size
        share = max(1, size // 4)
        self._writer = self._reader = Pool(url, settings, size=size, share=share)
        security = Pool(url, settings, size=SECURITY_CONNECTIONS, share=SECURITY_CONNECTIONS)
        # Each pool that there is: reads may have their own.
        self.pools = {"primary": self._writer, "security": security}
        if settings.database_read_url is not None:
            replica = settings.database_read_url.get_secret_value()
            self._reader = Pool(replica, settings, size=size, share=share)
            self.pools["replica"] = self._reader
        # What must see its own writes, or decides about security, does not read from a replica.
        self.primary = self.reading_primary(None)
        self.security = ReadConnection(security)

    def reading(self, holder: object) -> ReadConnection:
        """For reads of this holder; they may be a little behind."""
        return ReadConnection(self._reader, holder)

    def reading_primary(self, holder: object) -> ReadConnection:
        """For reads of this holder that see what was written before."""
        return ReadConnection(self._writer, holder)

    def unit_of_work(
        self,
        on_begin: OnBegin | None = None,
        *,
        account: UUID | None = None,
        holder: object = None,
    ) -> UnitOfWork:
        """One transaction, to be entered.

        In the name of an account it raises `InvalidToken` once that has ended, and until then its
        end waits. None is for what is nobody's, or begins by asking for the account itself.
        """
        return UnitOfWork(self._writer, self._invalidate, on_begin, account, holder)

    async def check(self) -> None:
        """Raise `SettingsError` where a database is not what the settings say, or Tickbox needs.

        What else may be wrong is for whoever needs the database next.
        """
        for pool in self.pools.values():
            with suppress(AppError):
                await pool.check()

    async def close(self) -> None:
        """Close all connections."""
        for pool in self.pools.values():
            await pool.close()
