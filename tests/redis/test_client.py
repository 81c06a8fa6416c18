"""The connection to Redis: shared by all, done without at once, and made again."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis as Client

from app.core.settings import Settings
from app.redis.client import CONNECT_TIMEOUT, Redis
from app.redis.connection import REPLY_TIMEOUT, TRUSTED, RedisAway
from tests.apps import client_of, running
from tests.faults.processes import Valkey
from tests.people import Person, until_cached
from tests.redis.connections import PONG, answers, connected, served_by, until_it_answers


@pytest.fixture
def url(settings: Settings) -> str:
    assert settings.redis_url is not None
    return settings.redis_url.get_secret_value()


class TestThere:
    async def test_gives_each_asker_its_own_replies(self, url: str) -> None:
        async with connected(url) as redis:
            await until_it_answers(redis)
            replies = await asyncio.gather(
                *(redis.run(("ECHO", str(n)), ("ECHO", n)) for n in range(1000))
            )
        assert replies == [[str(n).encode()] * 2 for n in range(1000)]

    async def test_an_asker_that_goes_away_takes_nobodys_reply(self, url: str) -> None:
        async with connected(url) as redis:
            await until_it_answers(redis)
            gone = asyncio.create_task(redis.run(("ECHO", "gone")))
            kept = asyncio.create_task(redis.run(("ECHO", "kept")))
            await asyncio.sleep(0)
            gone.cancel()
            assert await kept == [b"kept"]

    async def test_takes_any_bytes(self, url: str) -> None:
        async with connected(url) as redis:
            await until_it_answers(redis)
            for value in (b"", b"\r\n$-1\r\n", bytes(range(256)) * 1000):
                assert await redis.run(("ECHO", value)) == [value]

    async def test_greets_before_anybody_uses_it(self, url: str) -> None:
        redis = Redis(url)
        redis.greeting = lambda: [("SET", "greeting", "said")]
        await redis.start()
        await until_it_answers(redis)
        assert await redis.run(("GETDEL", "greeting")) == [b"said"]
        await redis.close()

    @pytest.mark.parametrize("database", [7, 8])
    async def test_uses_the_database_that_is_asked_for(self, url: str, database: int) -> None:
        base, _, _ = url.rpartition("=") if "=" in url else url.rpartition("/")
        sign = "=" if "=" in url else "/"
        async with connected(f"{base}{sign}{database}") as redis:
            await until_it_answers(redis)
            [listed] = await redis.run(("CLIENT", "INFO"))
        assert f" db={database} ".encode() in listed


class TestAway:
    async def test_is_told_at_once(self) -> None:
        async with connected("redis://127.0.0.1:1") as redis:
            began = time.perf_counter()
            for _ in range(100):
                with pytest.raises(RedisAway):
                    await redis.run(("PING",))
            assert time.perf_counter() - began < REPLY_TIMEOUT
            redis.tell(("PING",))  # nobody hears, and nobody minds

    async def test_that_says_nothing_is_waited_for_once(self) -> None:
        frozen = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while (await reader.read(1000)) and not frozen.is_set():
                writer.write(PONG)

        async with served_by(talk) as url, connected(url) as redis:
            await until_it_answers(redis)
            frozen.set()
            began = time.perf_counter()
            assert await asyncio.gather(*(answers(redis) for _ in range(50))) == [False] * 50
            assert time.perf_counter() - began < 10 * REPLY_TIMEOUT
            began = time.perf_counter()
            assert not await answers(redis)
            assert time.perf_counter() - began < REPLY_TIMEOUT

    async def test_is_whoever_refuses_a_command(self, url: str) -> None:
        async with connected(url) as redis:
            await until_it_answers(redis)
            with pytest.raises(RedisAway):
                await redis.run(("ECHO", "fine"), ("NO-SUCH-COMMAND",))
            assert not redis.is_connected

    async def test_is_used_again_when_it_is_back(self) -> None:
        frozen = True

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while await reader.read(1000):
                if not frozen:
                    writer.write(PONG)

        async with served_by(talk) as url, connected(url) as redis:
            assert not await answers(redis)
            frozen = False
            await until_it_answers(redis)

    @pytest.mark.parametrize(
        "nonsense", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00", b"-NOAUTH no\r\n", PONG * 7, b""]
    )
    async def test_is_whoever_speaks_another_language(self, nonsense: bytes) -> None:
        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1000)
            writer.write(nonsense)
            writer.close()

        async with served_by(talk) as url, connected(url) as redis:
            assert not await answers(redis)

    async def test_what_has_to_be_said_is_said_on_a_new_connection(self, url: str) -> None:
        async with connected(url) as redis:
            await until_it_answers(redis)
            assert redis._connection is not None
            redis._connection.close("a test")
            assert await redis.execute_or_wait(("PING",))

    async def test_that_is_silent_holds_up_who_insists_until_all_others_have_noticed(self) -> None:
        frozen = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while (await reader.read(1000)) and not frozen.is_set():
                writer.write(PONG)

        async with served_by(talk) as url, connected(url) as redis:
            await until_it_answers(redis)
            frozen.set()
            began = time.perf_counter()
            assert not await redis.execute_or_wait(("PING",))
            # Another process may have had a reply when this one asked, and waits for the next.
            assert time.perf_counter() - began >= TRUSTED + REPLY_TIMEOUT
            began = time.perf_counter()
            assert not await redis.execute_or_wait(("PING",))
            assert time.perf_counter() - began < TRUSTED + REPLY_TIMEOUT

    @pytest.mark.parametrize("turns", range(6))
    async def test_keeps_nobody_from_ending(self, turns: int) -> None:
        """Also in the moment in which the try to connect ends."""
        redis, ends = Redis("redis://127.0.0.1:1"), asyncio.Event()

        async def connect() -> None:
            await ends.wait()

        redis._connect = connect  # type: ignore[method-assign]
        waiting = asyncio.create_task(redis._connected(CONNECT_TIMEOUT))
        for _ in range(3):
            await asyncio.sleep(0)
        ends.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        was_cancelled = waiting.cancel()
        [result] = await asyncio.gather(waiting, return_exceptions=True)
        assert isinstance(result, asyncio.CancelledError if was_cancelled else RedisAway)

    async def test_is_logged_once(self, caplog: pytest.LogCaptureFixture) -> None:
        async with connected("redis://127.0.0.1:1") as redis:
            for _ in range(3):
                await redis.execute_or_wait(("PING",))
        lines = [record.getMessage() for record in caplog.records if "Redis" in record.message]
        assert lines == ["going on without Redis: ConnectionRefusedError"]


class TestFull:
    """It answers, and takes nothing: full, a replica, or unable to save."""

    REFUSE = ("CONFIG", "SET", "min-replicas-to-write", "1")

    @pytest.fixture
    def own(self, tmp_path: Path) -> Iterator[str]:
        """The URL of a Redis that only this test uses."""
        valkey = Valkey(tmp_path / "valkey")
        try:
            yield valkey.start()
        finally:
            valkey.stop()

    async def test_is_away_for_everybody_until_it_takes_something(self, own: str) -> None:
        async with connected(own) as one, connected(own) as other:
            await until_it_answers(one)
            await one.run(self.REFUSE)
            assert not await one.execute_or_wait(("SET", "a", "b"))
            assert not await answers(one)
            async with asyncio.timeout(10):
                while await answers(other):
                    pass
            admin = Client.from_url(own)
            await admin.config_set("min-replicas-to-write", 0)
            await admin.aclose()
            await until_it_answers(one)
            await until_it_answers(other)

    async def test_gives_nothing_old_and_lets_nobody_guess(
        self, settings: Settings, own: str, ada: Person
    ) -> None:
        changes: dict[str, Any] = {"redis_url": own, "limit_sign_in_failures_per_minute": 3}
        todo = await ada.make_todo("Old")
        url = f"/v1/todos/{todo['id']}"
        async with (
            running(settings, **changes) as app,
            client_of(app, ada.tokens["access_token"]) as client,
        ):
            await until_cached(Person(app, client, ada.user, ada.tokens), url)
            await app.state.redis.run(self.REFUSE)
            assert (await client.patch(url, json={"title": "New"})).status_code == 200
            assert (await client.get(url)).json()["title"] == "New"
            form = {"grant_type": "password", "username": ada.user["email"], "password": "wrong"}
            tries = [await client.post("/v1/oauth/token", data=form) for _ in range(5)]
        assert [answer.status_code for answer in tries] == [400] * 3 + [429] * 2
