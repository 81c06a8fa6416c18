"""Connections to Redis, and to what only looks like one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from app.redis.client import Redis
from app.redis.connection import RedisAway

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PONG = b"+PONG\r\n"


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Redis]:
    redis = Redis(url)
    await redis.start()
    try:
        yield redis
    finally:
        await redis.close()


@asynccontextmanager
async def served_by(talk: Talk) -> AsyncIterator[str]:
    """The URL of a server that talks in its own way."""
    writers = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await talk(reader, writer)

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for writer in writers:
            writer.close()


async def answers(redis: Redis) -> bool:
    try:
        return await redis.run(("PING",)) == [b"PONG"]
    except RedisAway:
        return False


async def until_it_answers(redis: Redis) -> None:
    async with asyncio.timeout(10):
        while not await redis.execute_or_wait(("PING",)):
            pass
