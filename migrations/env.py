"""Alembic's environment: one transaction a migration, one process at a time, the async driver."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from app.core.database import driver_url
from app.models import Base

# Any number that nothing else locks in this database.
_LOCK = 7_426_331_957
# Together a minute.
_TRIES, _PAUSE = 300, 0.2


def _migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        compare_type=True,
        compare_server_default=True,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.run_migrations()


async def _wait(guard: AsyncConnection) -> None:
    """Hold the lock for as long as the connection is open.

    It is asked for again and again: whoever waits for it inside of a statement, or has taken it in
    a transaction that is open, holds a snapshot, and `CREATE INDEX CONCURRENTLY` waits for those.
    """
    await guard.execution_options(isolation_level="AUTOCOMMIT")
    for _ in range(_TRIES):
        if await guard.scalar(text(f"SELECT pg_try_advisory_lock({_LOCK})")):
            return
        await asyncio.sleep(_PAUSE)
    # Fails by `lock_timeout`, as for any other lock.
    await guard.execute(text(f"SELECT pg_advisory_lock({_LOCK})"))


async def _run() -> None:
    url = context.config.attributes.get("database_url") or os.environ["TICKBOX_DATABASE_URL"]
    # A migration that waits for a lock stops everybody behind it: it gives up soon instead.
    settings = {"application_name": "tickbox-migrate", "timezone": "UTC", "lock_timeout": "2s"}
    engine = create_async_engine(
        driver_url(url),
        poolclass=NullPool,
        connect_args={"timeout": 5, "server_settings": settings},
    )
    try:
        async with engine.connect() as guard, engine.connect() as connection:
            await _wait(guard)
            await connection.run_sync(_migrate)
            await connection.commit()
    finally:
        await engine.dispose()


asyncio.run(_run())
