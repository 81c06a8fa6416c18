"""A Redis that nobody uses is told little, and looked at before it is used again."""

import asyncio
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from app.redis.client import HEARTBEAT_INTERVAL, Redis
from app.redis.connection import HEARTBEAT, RedisAway
from tests.faults.processes import Valkey
from tests.redis.connections import PONG, answers, connected, served_by, until_it_answers


class Heard:
    """A Redis that only answers, and what it was told: heartbeats, and `PING`."""

    def __init__(self) -> None:
        self.commands: asyncio.Queue[str] = asyncio.Queue()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            self.commands.put_nowait("PING" if b"PING" in data else "heartbeat")
            writer.write(PONG)

    async def next(self, count: int) -> list[str]:
        return [await self.commands.get() for _ in range(count)]


async def test_is_told_once_a_second() -> None:
    heard = Heard()
    async with served_by(heard.talk) as url, connected(url), asyncio.timeout(10):
        await heard.next(2)  # the greeting is one
        began = time.perf_counter()
        await heard.next(1)
        assert time.perf_counter() - began > 0.8 * HEARTBEAT_INTERVAL


async def test_is_told_often_while_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.redis.client.HEARTBEAT_INTERVAL", 0.05)
    heard = Heard()
    async with served_by(heard.talk) as url, connected(url) as redis, asyncio.timeout(10):
        monkeypatch.setattr("app.redis.client.HEARTBEAT_INTERVAL", 60)
        assert await answers(redis)
        assert (await heard.next(50)).count("PING") == 1


@pytest.mark.parametrize(
    ("trusted", "told"), [(-1, ["heartbeat", "heartbeat", "PING"] * 2), (20, ["PING"] * 2)]
)
async def test_is_looked_at_twice_before_it_is_used_after_a_pause(
    monkeypatch: pytest.MonkeyPatch, trusted: float, told: list[str]
) -> None:
    monkeypatch.setattr("app.redis.connection.TRUSTED", trusted)
    monkeypatch.setattr("app.redis.client.HEARTBEAT_INTERVAL", 60)
    heard = Heard()
    async with served_by(heard.talk) as url, connected(url) as redis, asyncio.timeout(10):
        assert await heard.next(1) == ["heartbeat"]
        assert [await answers(redis) for _ in range(2)] == [True] * 2
        assert await heard.next(len(told)) == told


async def test_one_look_is_not_enough_for_who_asks_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Between the two, what other processes had to say may not have arrived."""
    monkeypatch.setattr("app.redis.client.HEARTBEAT_INTERVAL", 60)
    heard = Heard()
    async with served_by(heard.talk) as url, connected(url) as redis, asyncio.timeout(10):
        connection = redis._connection
        assert connection is not None
        assert await heard.next(1) == ["heartbeat"]
        connection._trusted_at = 0.0
        await connection.ask([HEARTBEAT])
        assert await answers(redis)
        assert await heard.next(4) == ["heartbeat"] * 3 + ["PING"]


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
        writing.greeting = lambda: [next(epochs)]
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
