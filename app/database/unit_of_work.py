"""PostgreSQL: read connections, and the unit of work, which alone begins and ends transactions.

Statements are SQLAlchemy Core, compiled once (`Statement`) and run by the driver: that is several
times cheaper than to compile or wrap them in each request. Connections are in AUTOCOMMIT, so that a
read is one round trip, without BEGIN and COMMIT.
"""

import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any, Self
from uuid import UUID

import asyncpg

from app.core.errors import AppError, DatabaseBusy, DatabaseUnavailable, InvalidToken
from app.core.settings import SECURITY_CONNECTIONS, Settings
from app.database.pool import Pool, PooledConnection
from app.database.statement import AFFECTED_USERS, SEEN_PROJECT, Statement

logger = logging.getLogger(__name__)

AfterCommit = Callable[[], Awaitable[None]]
Invalidate = Callable[[Iterable[UUID]], Awaitable[None]]
# Runs first in a transaction, before the statement that began it.
OnBegin = Callable[["UnitOfWork"], Awaitable[None]]


class ReadConnection:
    """For a holder's reads: each statement holds a pooled connection for as long as it runs.

    Behind a pooler in transaction mode, each statement is in a transaction of its own.
    """

    def __init__(self, pool: Pool, holder: object = None) -> None:
        self._pool = pool
        self._holder = holder

    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """All rows. Raises `DatabaseUnavailable`, `DatabaseBusy`, or what a constraint says."""
        if not self._pool.keeps_session:
            async with UnitOfWork(self._pool, holder=self._holder) as unit:
                return await unit.fetch_all(statement, **params)
        arguments = statement.arguments(params)
        connection = await self._pool.acquire(self._holder)
        try:
            return await connection.fetch(statement, arguments)
        finally:
            self._pool.release(connection)


class UnitOfWork:
    """One transaction, begun by its first statement.

    Leaving its block commits it, or rolls it back if the block raised, unless that error
    `keeps_transaction`. The account it acts for cannot end before it does. `projects` are those in
    which its statements changed something, and `seen_projects` those that it is enough to see.
    """

    def __init__(
        self,
        pool: Pool,
        invalidate: Invalidate | None = None,
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
        self.seen_projects: set[UUID] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None or (isinstance(error, AppError) and error.keeps_transaction):
            await self._commit()
            return
        # What raised is told, not that the connection is lost too.
        with suppress(AppError):
            await self._end("ROLLBACK")

    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """See `ReadConnection.fetch_all`."""
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
        if statement.tells_seen:
            self.seen_projects.update(row[SEEN_PROJECT] for row in rows if row[SEEN_PROJECT])
        return rows

    def hold_account_alone(self) -> None:
        """Lock the account exclusively: for its end, which waits for its other transactions."""
        self._holds_alone = True

    def after_commit(self, action: AfterCommit) -> None:
        """Run this after the commit and before the answer; a crash in between loses it."""
        self._after_commit.append(action)

    async def _begin(self, connection: PooledConnection) -> None:
        """Raises `InvalidToken` if the account has ended."""
        command = "BEGIN" + self._pool.begin_settings
        if self._account is not None:
            # In the same round trip, and before any other lock, so that the end of an account waits
            # for no lock that is held here.
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
        """SQL that locks the account, and finds no row if it has ended."""
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
        if self._affected_users and self._invalidate is not None:
            actions.append(partial(self._invalidate, self._affected_users))
        try:
            await self._end("COMMIT")
            actions += self._after_commit
        finally:
            # Cached pages are outdated also where COMMIT failed: it may have been kept.
            for action in actions:
                try:
                    await action()
                except Exception:
                    logger.exception("an action after the commit failed")

    async def _end(self, command: str) -> None:
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            is_over = connection.is_closed and command == "ROLLBACK"
            # PostgreSQL answers COMMIT with ROLLBACK if a statement before it failed.
            if not is_over and await connection.execute(command) != command:
                raise DatabaseUnavailable
        finally:
            self._pool.release(connection)


# What a repository runs its statements on.
Connection = ReadConnection | UnitOfWork


class Database:
    """The pools of one process.

    `invalidate` is called after each commit with the users who see what it changed. No holder has
    more than a quarter of a pool at once: a user, all requests without a user, or the process
    itself.
    """

    def __init__(self, settings: Settings, invalidate: Invalidate | None = None) -> None:
        self._invalidate = invalidate
        assert settings.database_url is not None
        url = settings.database_url.get_secret_value()
        size = settings.database_pool_size
        share = max(1, size // 4)
        self._writer = self._reader = Pool(url, settings, size=size, share=share)
        security = Pool(url, settings, size=SECURITY_CONNECTIONS, share=SECURITY_CONNECTIONS)
        # The third is there if reads have a replica.
        self.pools = {"primary": self._writer, "security": security}
        if settings.database_read_url is not None:
            replica = settings.database_read_url.get_secret_value()
            self._reader = Pool(replica, settings, size=size, share=share)
            self.pools["replica"] = self._reader
        # Reads that must see earlier writes, or decide about security, never go to a replica.
        self.primary = self.reading_primary(None)
        self.security = ReadConnection(security)

    def reading(self, holder: object) -> ReadConnection:
        """For reads of this holder, which may be a little behind."""
        return ReadConnection(self._reader, holder)

    def reading_primary(self, holder: object) -> ReadConnection:
        """For reads of this holder that see earlier writes."""
        return ReadConnection(self._writer, holder)

    def unit_of_work(
        self,
        on_begin: OnBegin | None = None,
        *,
        account: UUID | None = None,
        holder: object = None,
    ) -> UnitOfWork:
        """One transaction, for `async with`.

        Its first statement raises `InvalidToken` if the `account` that it acts for has ended. None
        is for what acts for no account, or locks the account itself.
        """
        return UnitOfWork(self._writer, self._invalidate, on_begin, account, holder)

    async def check(self) -> None:
        """Raise `SettingsError` as `Pool.check` does; other errors are left to the next caller."""
        for pool in self.pools.values():
            with suppress(AppError):
                await pool.check()

    async def close(self) -> None:
        """Close all connections."""
        for pool in self.pools.values():
            await pool.close()
