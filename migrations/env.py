"""Alembic's environment: one transaction a migration, one process at a time, the async driver."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from app.core.driver import driver_url
from app.models import Base

# Any number that nothing else locks in this database.
_LOCK = 7_426_331_957


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
            await guard.execute(text("SET lock_timeout = '60s'"))
            await guard.execute(text(f"SELECT pg_advisory_lock({_LOCK})"))
            await connection.run_sync(_migrate)
            await connection.commit()
    finally:
        await engine.dispose()


asyncio.run(_run())
