"""Waiting for a request that waits, so that tests of races need no luck and no sleep."""

import asyncio

import asyncpg
from httpx import Response

_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""


async def somebody_waits(database: asyncpg.Connection) -> None:
    """Return when a request waits for a lock."""
    await _until(database, waiting=1)


async def everybody_waits(database: asyncpg.Connection, count: int) -> None:
    """Return when so many requests wait for a lock."""
    await _until(database, waiting=count)


async def ends_or_waits_too(database: asyncpg.Connection, request: asyncio.Task[Response]) -> None:
    """Return when a request has its answer, or waits behind another one that waits already."""
    await _until(database, waiting=2, request=request)


async def _until(
    database: asyncpg.Connection, *, waiting: int, request: asyncio.Task[Response] | None = None
) -> None:
    async with asyncio.timeout(10):
        while request is None or not request.done():
            # A transaction would see the same at each look.
            await database.execute("SELECT pg_stat_clear_snapshot()")
            if await database.fetchval(_WAITING) >= waiting:
                return
