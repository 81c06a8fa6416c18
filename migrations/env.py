"""Alembic's environment: one transaction a migration, one process at a time, the async driver."""

import asyncio
import os
from functools import partial

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from app.database.connection_errors import SettingsDropped
from app.database.pool import connect
from app.models import metadata

# Any number that nothing else locks in this database.
_LOCK = 7_426_331_957
# A minute, in seconds.
_PAUSE = 0.1
_ATTEMPTS = 600
# For a connection.
_SECONDS = 5
# A migration that waits for a lock stops everybody behind it: it gives up soon instead.
_SETTINGS = {"lock_timeout": "2s"}


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _wait_for_others(guard: AsyncConnection) -> None:
    """Take the lock, and keep it as long as the connection, which is on AUTOCOMMIT.

    It is asked for again and again: a statement that waits for it would be what an index that is
    made concurrently, by the process that has it, waits for in turn.
    """
    for _ in range(_ATTEMPTS):
        if await guard.scalar(text(f"SELECT pg_try_advisory_lock({_LOCK})")):
            return
        await asyncio.sleep(_PAUSE)
    # It fails as other locks do.
    await guard.execute(text("SET lock_timeout = '1ms'"))
    await guard.execute(text(f"SELECT pg_advisory_lock({_LOCK})"))


async def _work(engine: AsyncEngine) -> None:
    async with engine.connect() as guard, engine.connect() as connection:
        await guard.execution_options(isolation_level="AUTOCOMMIT")
        if await guard.scalar(text("SHOW lock_timeout")) != _SETTINGS["lock_timeout"]:
            raise SettingsDropped
        await _wait_for_others(guard)
        await connection.run_sync(_migrate)
        await connection.commit()


async def _run() -> None:
    given = context.config.attributes
    url = given.get("database_url") or os.environ["TICKBOX_DATABASE_URL"]
    mode = given.get("pool_mode", "none")
    opened = partial(connect, url, "tickbox-migrate", _SETTINGS, pool_mode=mode, timeout=_SECONDS)
    engine = create_async_engine("postgresql+asyncpg://", poolclass=NullPool, async_creator=opened)
    try:
        await _work(engine)
    finally:
        await engine.dispose()


asyncio.run(_run())
