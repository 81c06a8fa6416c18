"""The response cache: what it gives, to whom, and for how long."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from app.core.schemas import Representation
from app.core.settings import Settings
from app.redis.response_cache import Cache, CacheEntryKey
from app.security.principal import Principal
from tests import servers
from tests.apps import Clock, client_of, running
from tests.people import Person, sign_in, sign_up, until_cached

PAGE = Representation(b'"1"', b'{"items":[]}')


def state(response: Response) -> str:
    assert response.is_success or response.status_code == 304, response.text
    return str(response.headers["x-cache"])


class TestHit:
    @pytest.mark.parametrize("url", ["/v1/todos", "/v1/projects", "{todo}", "{project}"])
    async def test_is_the_same_answer_again(self, ada: Person, url: str) -> None:
        todo, project = await ada.make_todo(), await ada.make_project()
        url = url.format(todo=f"/v1/todos/{todo['id']}", project=f"/v1/projects/{project['id']}")
        miss = await ada.get(url)
        hit = await until_cached(ada, url)

        assert state(miss) == "miss"
        assert hit.content == miss.content
        passing = {"x-cache", "x-request-id", "ratelimit"}
        assert [
            {name: value for name, value in answer.headers.items() if name not in passing}
            for answer in (hit, miss)
        ] == [{name: miss.headers[name] for name in miss.headers.keys() - passing}] * 2
        assert hit.headers["cache-control"] == "private, no-cache"
        assert hit.headers["vary"] == "Authorization"

    async def test_tells_of_the_next_page(self, ada: Person) -> None:
        for _ in range(3):
            await ada.make_todo()
        hit = await until_cached(ada, "/v1/todos?limit=2")
        assert hit.headers["link"] == (await ada.get("/v1/todos?limit=2")).headers["link"]
        assert hit.json()["next_cursor"] in hit.headers["link"]

    async def test_is_304_to_whom_knows_it(self, ada: Person) -> None:
        todo = await ada.make_todo()
        url = f"/v1/todos/{todo['id']}"
        await until_cached(ada, url)
        for known in ('"1"', 'W/"1"', '"7", "1"', "*"):
            same = await ada.get(url, headers={"If-None-Match": known})
            assert (same.status_code, same.content, state(same)) == (304, b"", "hit")
            assert same.headers["etag"] == '"1"'
        other = await ada.get(url, headers={"If-None-Match": '"7"'})
        assert (other.status_code, other.json()) == (200, todo)

    async def test_has_no_body_for_head(self, ada: Person) -> None:
        await until_cached(ada, "/v1/todos")
        head = await ada.client.head("/v1/todos")
        assert (state(head), head.content) == ("hit", b"")
        assert int(head.headers["content-length"]) > 0


class TestOwner:
    async def test_is_who_read_it(self, ada: Person, bob: Person) -> None:
        todo = await ada.make_todo("secret")
        await until_cached(ada, "/v1/todos")
        await until_cached(ada, f"/v1/todos/{todo['id']}")

        assert (await bob.get("/v1/todos")).json()["items"] == []
        assert (await bob.get(f"/v1/todos/{todo['id']}")).status_code == 404

    async def test_needs_the_scopes_again(self, app: FastAPI, ada: Person) -> None:
        await until_cached(ada, "/v1/todos")
        async with client_of(app) as client:
            narrow = await sign_in(client, ada.user["email"], scope="projects:read")
            client.headers["Authorization"] = f"Bearer {narrow['access_token']}"
            assert (await client.get("/v1/todos")).status_code == 403

    async def test_and_what_its_token_permits_is_part_of_the_key(self, app: FastAPI) -> None:
        cache: Cache = app.state.cache
        user, session = uuid4(), uuid4()
        principals = [
            Principal(user, session, frozenset({"todos:read"})),
            Principal(user, session, frozenset({"todos:read", "todos:write"})),
            Principal(user, session, frozenset({"todos:read"}), project_id=uuid4()),
            Principal(uuid4(), session, frozenset({"todos:read"})),
        ]
        asked = [(p, path, query) for p in principals for path in "ab" for query in (b"", b"x=1")]
        keys = {cache.get_command(*question)[-1] for question in asked}
        assert len(keys) == len(asked)

    async def test_without_a_good_token_gets_nothing(self, app: FastAPI, ada: Person) -> None:
        await until_cached(ada, "/v1/todos")
        async with client_of(app) as nobody, client_of(app, "x.y.z") as stranger:
            assert (await nobody.get("/v1/todos")).status_code == 401
            assert (await stranger.get("/v1/todos")).status_code == 401


@pytest.fixture
def behind() -> Iterator[Settings]:
    """A replica to which nothing has come yet."""
    with servers.cloned_database(f"tickbox_behind_{uuid4().hex}") as name:
        yield servers.settings_for(name)


class TestEntry:
    """What is read is kept under the version that the read began under."""

    @pytest.fixture
    def cache(self, app: FastAPI) -> Cache:
        cache: Cache = app.state.cache
        return cache

    @pytest.fixture
    def viewer(self) -> Principal:
        return Principal(uuid4(), uuid4(), frozenset())

    @staticmethod
    async def look(cache: Cache, viewer: Principal) -> Representation | CacheEntryKey | None:
        question = cache.get_command(viewer, "/v1/todos", b"")
        return cache.read(question, (await cache._redis.run(question))[0])

    async def slot(self, cache: Cache, viewer: Principal) -> CacheEntryKey:
        slot = await self.look(cache, viewer)
        assert isinstance(slot, CacheEntryKey)
        return slot

    async def test_keeps_a_page(self, cache: Cache, viewer: Principal) -> None:
        cache.keep(await self.slot(cache, viewer), PAGE)
        assert await self.look(cache, viewer) == PAGE

    async def test_from_before_a_write_gives_nothing(self, cache: Cache, viewer: Principal) -> None:
        slot = await self.slot(cache, viewer)
        await cache.invalidate([viewer.user_id])
        cache.keep(slot, PAGE)
        assert isinstance(await self.look(cache, viewer), CacheEntryKey)

    async def test_from_before_a_flush_gives_nothing(self, cache: Cache, viewer: Principal) -> None:
        slot = await self.slot(cache, viewer)
        cache.keep(slot, PAGE)
        await cache._redis.run(("FLUSHDB",))
        cache.keep(slot, PAGE)
        assert isinstance(await self.look(cache, viewer), CacheEntryKey)
        # The same once there are versions again: they are other ones.
        assert isinstance(await self.look(cache, viewer), CacheEntryKey)

    @pytest.mark.parametrize("lost", ["version", "epoch"])
    async def test_that_sets_the_first_version_leaves_a_later_one(
        self, cache: Cache, viewer: Principal, lost: str
    ) -> None:
        """What it was told of before is as old as if it had found the other one."""
        question = cache.get_command(viewer, "/v1/todos", b"")
        [[epoch, version, page]] = await cache._redis.run(question)
        assert (version, page) == (None, None)
        if lost == "version":
            await cache.invalidate([viewer.user_id])
        else:
            await cache._redis.run(("SET", question[1], epoch))
            epoch = None
        slot = cache.read(question, [epoch, version, page])
        assert isinstance(slot, CacheEntryKey)
        cache.keep(slot, PAGE)
        assert isinstance(await self.look(cache, viewer), CacheEntryKey)

    async def test_is_not_filled_from_a_replica(
        self, settings: Settings, ada: Person, behind: Settings
    ) -> None:
        """It may be behind: what it says is as old as it likes, and would be kept as new."""
        token, todo = ada.tokens["access_token"], await ada.make_todo()
        replica = behind.database_url
        for seconds, items in ((30, [todo]), (0, [])):
            async with (
                running(settings, database_read_url=replica, cache_seconds=seconds) as app,
                client_of(app, token) as client,
            ):
                assert (await client.get("/v1/todos")).json()["items"] == items

    async def test_from_before_an_outage_gives_nothing(
        self, settings: Settings, cache: Cache, viewer: Principal
    ) -> None:
        """While one could not reach Redis, it could not say what it changed."""
        cache.keep(await self.slot(cache, viewer), PAGE)
        async with running(settings):
            assert isinstance(await self.look(cache, viewer), CacheEntryKey)

    async def test_does_not_hold_large_pages(self, cache: Cache, viewer: Principal) -> None:
        cache.keep(await self.slot(cache, viewer), Representation(b'"1"', b"x" * (1 << 20)))
        assert isinstance(await self.look(cache, viewer), CacheEntryKey)

    async def test_ends(self, cache: Cache, viewer: Principal, settings: Settings) -> None:
        slot = await self.slot(cache, viewer)
        cache.keep(slot, PAGE)
        [left] = await cache._redis.run(("TTL", slot.key))
        assert settings.cache_seconds - 2 <= left <= settings.cache_seconds


class TestValidity:
    """What changes by itself is given until then, by the clock of whoever gives it."""

    async def test_ends_at_its_instant(self, settings: Settings) -> None:
        clock = Clock()
        async with running(settings, now=clock) as app, sign_up(app) as ada:
            cache: Cache = app.state.cache
            viewer = Principal(ada.id, uuid4(), frozenset())
            question = cache.get_command(viewer, "/v1/views/today", b"")
            slot = cache.read(question, (await cache._redis.run(question))[0])
            assert isinstance(slot, CacheEntryKey)
            page = replace(PAGE, valid_until=clock.now + timedelta(milliseconds=5))
            assert cache.is_valid(page)
            cache.keep(slot, page)
            [stored] = await cache._redis.run(question)
            for _ in range(5):
                assert cache.read(question, stored) == page
                clock.advance(milliseconds=1)
            assert not cache.is_valid(page)
            assert cache.read(question, stored) == slot


class TestBypass:
    async def test_without_redis(self, settings: Settings, ada: Person) -> None:
        await ada.make_todo()
        async with (
            running(settings, redis_url="redis://127.0.0.1:1") as app,
            client_of(app, ada.tokens["access_token"]) as client,
        ):
            assert [state(await client.get("/v1/todos")) for _ in range(2)] == ["bypass"] * 2

    async def test_if_it_is_turned_off(self, settings: Settings, ada: Person) -> None:
        async with (
            running(settings, cache_seconds=0) as app,
            client_of(app, ada.tokens["access_token"]) as client,
        ):
            assert [state(await client.get("/v1/todos")) for _ in range(2)] == ["bypass"] * 2

    @pytest.mark.parametrize("query", ["overdue=true", "overdue=false&q=train"])
    async def test_of_what_changes_by_itself(self, ada: Person, query: str) -> None:
        url = f"/v1/todos?{query}"
        assert [state(await ada.get(url)) for _ in range(2)] == ["bypass"] * 2

    async def test_of_what_is_no_answer(self, ada: Person) -> None:
        for url, status in ((f"/v1/todos/{uuid4()}", 404), ("/v1/todos?limit=0", 422)):
            answers = [await ada.get(url) for _ in range(2)]
            assert [answer.status_code for answer in answers] == [status] * 2
            assert all("x-cache" not in answer.headers for answer in answers)

    async def test_of_the_account(self, ada: Person) -> None:
        assert "x-cache" not in (await ada.get("/v1/users/me")).headers


async def test_a_list_by_the_callers_clock_knows_of_another_time_zone(
    ada: Person, client: AsyncClient
) -> None:
    await ada.make_todo(due={"datetime": "2026-11-30T20:00:00", "timezone": None})
    url = "/v1/todos?due_before=2026-11-30T12:00:00Z"
    assert (await until_cached(ada, url)).json()["items"] == []
    await ada.client.patch("/v1/users/me", json={"timezone": "Pacific/Auckland"})
    assert len((await ada.get(url)).json()["items"]) == 1
