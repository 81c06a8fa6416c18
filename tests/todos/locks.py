"""Waiting for a request that waits, so that tests of races need no luck and no sleep."""

import asyncio

import asyncpg

_WAITING = """
SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))
"""


async def somebody_waits(database: asyncpg.Connection) -> None:
    """Return when a connection waits for a lock that this one holds."""
    async with asyncio.timeout(10):
        while not await database.fetchval(_WAITING):
            pass
