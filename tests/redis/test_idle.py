"""A Redis that nobody uses for a while is told little, and looked at before it is used again."""

import asyncio
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from app.redis.client import IDLE_INTERVAL, Redis
from app.redis.connection import RedisAway
from tests.faults.processes import Valkey
from tests.redis.connections import PONG, answers, connected, served_by, until_it_answers


async def test_is_told_no_more_than_twice_a_second() -> None:
    times: list[float] = []
    enough = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            writer.write(b"+OK\r\n")
            times.append(time.perf_counter())
            if len(times) == 4:
                enough.set()

    async with served_by(talk) as url, connected(url), asyncio.timeout(10):
        await enough.wait()
    _greeting, first, _, third = times
    assert third - first > 1.8 * IDLE_INTERVAL


async def test_is_looked_at_before_it_is_used_and_often_from_then_on() -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(PONG)
            heard.put_nowait("PING" if b"PING" in data else "heartbeat")

    async with served_by(talk) as url, connected(url) as redis, asyncio.timeout(10):
        assert [await heard.get() for _ in range(2)] == ["heartbeat"] * 2  # the greeting is one
        assert await answers(redis)
        assert [await heard.get() for _ in range(3)] == ["heartbeat", "heartbeat", "PING"]
        began = time.perf_counter()
        assert [await heard.get() for _ in range(3)] == ["heartbeat"] * 3
        assert time.perf_counter() - began < IDLE_INTERVAL


@pytest.mark.parametrize("turns", range(5))
async def test_gives_nothing_old_when_it_goes_on_after_a_silence(
    tmp_path: Path, turns: int
) -> None:
    """Although nobody who is idle notices that it was silent."""
    valkey = Valkey(tmp_path / "valkey")
    epochs = (("SET", "epoch", str(n)) for n in count())
    try:
        url = valkey.start()
        server = valkey.processes()[0]
        writing = Redis(url)
        writing.on_connect(lambda: [next(epochs)])
        async with connected(url) as idle:
            await writing.start()
            await until_it_answers(writing)
            [before] = await writing.run(("GET", "epoch"))
            server.suspend()
            # One write is sent, and not answered; of the other one Redis never hears.
            assert not await writing.execute_or_wait(("SET", "version", "new"))
            assert not await writing.execute_or_wait(("SET", "version", "newer"))
            asking = asyncio.create_task(idle.run(("GET", "epoch")))
            for _ in range(turns):
                await asyncio.sleep(0)
            server.resume()
            with suppress(RedisAway):
                assert await asking != [before]
        await writing.close()
    finally:
        valkey.stop()
