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
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from app.core.errors import AppError, DatabaseUnavailable, InvalidToken
from app.core.settings import SECURITY_CONNECTIONS, Settings
from app.database.lease import Lease
from app.database.pool import Pool
from app.database.statement import AFFECTED_USERS, Statement

logger = logging.getLogger(__name__)

AfterCommit = Callable[[], Awaitable[None]]
Invalidate = Callable[[Iterable[UUID]], Awaitable[None]]


# An account that is there, as foreign keys hold it too, which do not see whether it has ended; and
# what that waits for, and is waited for by.
_ACCOUNT = "SELECT FROM users WHERE id = $1 AND deleted_at IS NULL FOR "
_HOLD = ("hold_account", _ACCOUNT + "KEY SHARE")
_HOLD_ALONE = ("hold_account_alone", _ACCOUNT + "UPDATE")


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

    def __init__(self, pool: Pool, holder: object = None) -> None:
        self._pool = pool
        self._holder = holder

    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """See `Connection.fetch_all`."""
        arguments = statement.arguments(params)
        lease = await self._pool.lease(self._holder)
        return await lease.fetch(statement, arguments, release=True)


class UnitOfWork(Connection):
    """One transaction, begun by its first statement; `unit_of_work()` ends it.

    In whose name it is, is there until it ends. `projects` are those in which it changed something,
    as its statements tell.
    """

    def __init__(
        self,
        pool: Pool,
        invalidate: Invalidate,
        hook: "TransactionHook | None" = None,
        account: UUID | None = None,
        holder: object = None,
    ) -> None:
        self._pool = pool
        self._holder = holder
        self._invalidate = invalidate
        self._hook = hook
        self._account = account
        self._hold = _HOLD
        self._lease: Lease | None = None
        self._after_commit: list[AfterCommit] = []
        self._affected_users: set[UUID] = set()
        self.projects: set[UUID] = set()

    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """See `Connection.fetch_all`."""
        if self._lease is None:
            self._lease = await self._pool.lease(self._holder)
            await self._begin(self._lease)
            if self._hook is not None:
                await self._hook.begin(self)
        rows = await self._lease.fetch(statement, statement.arguments(params))
        if statement.tells_affected_users:
            for row in rows:
                if row["project_id"] is not None:
                    self.projects.add(row["project_id"])
                self._affected_users.update(row[AFFECTED_USERS] or ())
        return rows

    def hold_account_alone(self) -> None:
        """From its begin on, wait for what is done in the account's name, and let others wait."""
        self._hold = _HOLD_ALONE

    def after_commit(self, action: AfterCommit) -> None:
        """Do this once the transaction is kept, before the answer leaves; it may be lost."""
        self._after_commit.append(action)

    async def _begin(self, lease: Lease) -> None:
        """Raises `InvalidToken` if the account has ended."""
        asked = ""
        if self._account is not None:
            # In the same round trip, and before all other locks: who ends an account waits for none
            # that is held here.
            asked = "; " + await self._pool.command(lease, *self._hold, self._account)
        if await self._pool.first(lease, "BEGIN", asked) == "SELECT 0":
            raise InvalidToken("The account was deleted.")

    async def _commit(self) -> None:
        if self._lease is not None and not self._lease.is_valid:
            # What was done on it is lost: nothing may be answered as if it were kept.
            raise DatabaseUnavailable
        try:
            await self._end("COMMIT")
        except BaseException:
            # It may have been kept all the same, and whoever tries again is told so.
            await self._tell_affected_users()
            raise
        await self._tell_affected_users()
        for action in self._after_commit:
            try:
                await action()
            except Exception:
                logger.exception("an action after the commit failed")

    async def _tell_affected_users(self) -> None:
        """What they read before is outdated: it comes before the answer, whatever this says."""
        if self._affected_users:
            try:
                await self._invalidate(self._affected_users)
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
            if lease.is_valid and await lease.execute(command, release=True) != command:
                # PostgreSQL answers COMMIT with ROLLBACK after an error that was swallowed.
                raise DatabaseUnavailable


class _ReadTransactions(ReadConnection):
    """For reads where only a transaction keeps a server: each statement is in one of its own."""

    async def fetch_all(self, statement: Statement, **params: Any) -> list[asyncpg.Record]:
        """See `Connection.fetch_all`."""
        unit = UnitOfWork(self._pool, _nobody_looks, holder=self._holder)
        async with _transaction(unit):
            return await unit.fetch_all(statement, **params)


@asynccontextmanager
async def _transaction(unit: UnitOfWork) -> AsyncIterator[UnitOfWork]:
    try:
        yield unit
    except AppError as error:
        if error.keeps_transaction:
            await unit._commit()
        else:
            await unit._rollback()
        raise
    except BaseException:
        await unit._rollback()
        raise
    else:
        await unit._commit()


class TransactionHook(Protocol):
    """What is done first in a transaction, before the statement that begins it."""

    async def begin(self, unit: UnitOfWork) -> None:
        """Raises whatever is to end the transaction."""


async def _nobody_looks(_users: Iterable[UUID]) -> None:
    """Nothing that was read before is kept."""


class Database:
    """The pools of one process.

    `invalidate` is told, after each commit, whose view of the data has changed by it. Nobody holds
    more than a quarter of a pool at once: no user, not all requests together that are nobody's,
    and not the process itself.
    """

    def __init__(self, settings: Settings, invalidate: Invalidate = _nobody_looks) -> None:
        self._invalidate = invalidate
        assert settings.database_url is not None
        url = settings.database_url.get_secret_value()
        size = settings.database_pool_size
        share = max(1, size // 4)
        self._writer = Pool(url, settings, size=size, share=share)
        self._security = Pool(url, settings, size=SECURITY_CONNECTIONS, share=SECURITY_CONNECTIONS)
        replica = settings.database_read_url
        self._reader = (
            Pool(replica.get_secret_value(), settings, size=size, share=share)
            if replica is not None
            else self._writer
        )
        self._connection = ReadConnection if self._writer.keeps_session else _ReadTransactions
        # What must see its own writes, or decides about security, does not read from a replica.
        self.primary = self.reading_primary(None)
        self.security = self._connection(self._security)

    def reading(self, holder: object) -> ReadConnection:
        """For reads of this holder; they may be a little behind."""
        return self._connection(self._reader, holder)

    def reading_primary(self, holder: object) -> ReadConnection:
        """For reads of this holder that see what was written before."""
        return self._connection(self._writer, holder)

    def unit_of_work(
        self,
        hook: TransactionHook | None = None,
        *,
        account: UUID | None = None,
        holder: object = None,
    ) -> AbstractAsyncContextManager[UnitOfWork]:
        """One transaction: kept if the block ends well, else rolled back.

        In the name of an account it raises `InvalidToken` once that has ended, and until then its
        end waits. None is for what is nobody's, or begins by asking for the account itself.
        """
        return _transaction(UnitOfWork(self._writer, self._invalidate, hook, account, holder))

    @property
    def pools(self) -> dict[str, Pool]:
        """Each pool that there is: `primary`, `security`, and `replica` if reads have their own."""
        pools = {"primary": self._writer, "security": self._security}
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
        for pool in self.pools.values():
            await pool.close()
