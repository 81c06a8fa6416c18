"""The response cache: what it gives, to whom, and for how long."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from app.core.authentication import Principal
from app.core.cache import Cache, Page, Slot
from app.core.config import Settings
from app.core.driver import run
from app.core.errors import DatabaseUnavailable
from tests import servers
from tests.apps import client_of, running
from tests.core.callers import Caller
from tests.core.operations import OPERATIONS, Operation
from tests.people import Json, Person, share, sign_in, until_cached

PAGE = Page(b'"1"', b"", b'{"items":[]}')


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
        keys = {cache.question(*question)[-1] for question in asked}
        assert len(keys) == len(asked)

    async def test_without_a_good_token_gets_nothing(self, app: FastAPI, ada: Person) -> None:
        await until_cached(ada, "/v1/todos")
        async with client_of(app) as nobody, client_of(app, "x.y.z") as stranger:
            assert (await nobody.get("/v1/todos")).status_code == 401
            assert (await stranger.get("/v1/todos")).status_code == 401


async def _every_write(person: Person, project: Json, todo: Json) -> AsyncIterator[Response]:
    """Each kind of write; each concerns the lists of who is in the project."""
    client, todos = person.client, f"/v1/todos/{todo['id']}"
    place = {"project_id": project["id"]}
    yield await client.post("/v1/todos", json={"title": "New", **place})
    yield await client.post("/v1/todos", json={"title": "New", "parent_id": todo["id"]})
    yield await client.patch(todos, json={"title": "Other"})
    yield await client.patch(todos, json={"completed": True})
    yield await client.delete(todos)
    yield await client.patch(f"/v1/projects/{project['id']}", json={"name": "Other"})
    yield await client.delete(f"/v1/projects/{project['id']}")


class TestAfterAWrite:
    async def test_nothing_old_is_given_to_anybody_who_sees_it(
        self, ada: Person, bob: Person, database: asyncpg.Connection
    ) -> None:
        project = await ada.make_project()
        todo = await ada.make_todo(project_id=project["id"])
        await share(database, project, bob)
        urls = ("/v1/todos", f"/v1/todos?project_id={project['id']}", "/v1/projects")
        async for written in _every_write(ada, project, todo):
            assert written.is_success, written.text
            for person in (ada, bob):
                assert [state(await person.get(url)) for url in urls] == ["miss"] * len(urls)
                for url in urls:
                    await until_cached(person, url)

    async def test_of_somebody_else_it_is_still_given(self, ada: Person, bob: Person) -> None:
        await until_cached(bob, "/v1/todos")
        await ada.make_todo()
        assert state(await bob.get("/v1/todos")) == "hit"

    async def test_that_was_not_understood_it_is_still_given(self, ada: Person) -> None:
        todo = await ada.make_todo("Same")
        url = f"/v1/todos/{todo['id']}"
        await until_cached(ada, url)
        assert (await ada.client.patch(url, json={"title": ""})).status_code == 422
        assert state(await ada.get(url)) == "hit"

    async def test_in_another_process_it_is_not_given(
        self, settings: Settings, ada: Person
    ) -> None:
        async with (
            running(settings) as other,
            client_of(other, ada.tokens["access_token"]) as elsewhere,
        ):
            todo = await ada.make_todo()
            await until_cached(Person(other, elsewhere, ada.user, ada.tokens), "/v1/todos")
            changed = await ada.client.patch(f"/v1/todos/{todo['id']}", json={"title": "Other"})
            listed = await elsewhere.get("/v1/todos")
        assert listed.json()["items"] == [changed.json()]


WRITES = [
    operation
    for operation in OPERATIONS
    if operation.method != "GET" and operation.path.startswith(("/v1/todos", "/v1/projects"))
]


@pytest.mark.parametrize("operation", WRITES, ids=str)
async def test_every_write_tells_whom_it_concerns(ada: Person, operation: Operation) -> None:
    caller = Caller(ada)
    await caller.send(operation)  # what it needs is made once
    caller = Caller(ada)
    for name in operation.parameters("path"):
        await caller._id(name)
    await until_cached(ada, "/v1/projects")
    answer = await caller.send(operation)
    assert answer.is_success, answer.text
    assert state(await ada.get("/v1/projects")) == "miss"


class Held:
    """An app in which the first write that is committed is not told to the cache, until later."""

    def __init__(self, app: FastAPI) -> None:
        self.committed = asyncio.Event()
        self.go_on = asyncio.Event()
        self._tell = app.state.database._outdate
        app.state.database._outdate = self

    async def __call__(self, audience: Iterable[UUID]) -> None:
        if not self.committed.is_set():
            self.committed.set()
            await self.go_on.wait()
        await self._tell(audience)


class TestBeforeItIsTold:
    """What was committed a moment ago, another answer may tell of already."""

    @pytest.mark.parametrize("way", ["replay", "the same again", "412", "404"])
    async def test_nobody_is_given_less_than_he_knows(
        self, settings: Settings, ada: Person, way: str
    ) -> None:
        todo = await ada.make_todo("Old")
        url = f"/v1/todos/{todo['id']}"
        method = "DELETE" if way == "404" else "PATCH"
        body = None if way == "404" else {"title": "New"}
        headers = {"Idempotency-Key": "k"} if way == "replay" else {}
        async with (
            running(settings) as app,
            client_of(app, ada.tokens["access_token"]) as client,
        ):
            person = Person(app, client, ada.user, ada.tokens)
            await until_cached(person, url)
            held = Held(app)
            first = asyncio.create_task(client.request(method, url, json=body, headers=headers))
            await held.committed.wait()
            if way == "412":
                headers = {"If-Match": '"1"'}
            second = await client.request(method, url, json=body, headers=headers)
            read = await client.get(url)
            held.go_on.set()
            assert (await first).is_success

        assert second.status_code == {"412": 412, "404": 404}.get(way, 200)
        if way == "404":
            assert read.status_code == 404
        else:
            assert (read.json()["title"], read.headers["etag"]) == ("New", '"2"')

    async def test_nor_after_a_commit_whose_answer_was_lost(
        self, settings: Settings, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        todo = await ada.make_todo("Old")
        url = f"/v1/todos/{todo['id']}"

        async def lost(lease: Any, sql: str, *arguments: Any, **options: Any) -> Any:
            rows = await run(lease, sql, *arguments, **options)
            if sql == "COMMIT":
                raise DatabaseUnavailable
            return rows

        await until_cached(ada, url)
        with monkeypatch.context() as patch:
            patch.setattr("app.core.database.run", lost)
            assert (await ada.client.patch(url, json={"title": "New"})).status_code == 503
        assert (await ada.get(url)).json()["title"] == "New"


@pytest.fixture
def behind() -> Iterator[Settings]:
    """A replica to which nothing has come yet."""
    with servers.cloned_database(f"tickbox_behind_{uuid4().hex}") as name:
        yield servers.settings_for(name)


class TestSlot:
    """What is read is kept under the version that the read began under."""

    @pytest.fixture
    def cache(self, app: FastAPI) -> Cache:
        cache: Cache = app.state.cache
        return cache

    @pytest.fixture
    def viewer(self) -> Principal:
        return Principal(uuid4(), uuid4(), frozenset())

    @staticmethod
    async def look(cache: Cache, viewer: Principal) -> Page | Slot | None:
        question = cache.question(viewer, "/v1/todos", b"")
        return cache.read(question, (await cache._redis.run(question))[0])

    async def slot(self, cache: Cache, viewer: Principal) -> Slot:
        slot = await self.look(cache, viewer)
        assert isinstance(slot, Slot)
        return slot

    async def test_keeps_a_page(self, cache: Cache, viewer: Principal) -> None:
        cache.keep(await self.slot(cache, viewer), PAGE)
        assert await self.look(cache, viewer) == PAGE

    async def test_from_before_a_write_gives_nothing(self, cache: Cache, viewer: Principal) -> None:
        slot = await self.slot(cache, viewer)
        await cache.outdate([viewer.user_id])
        cache.keep(slot, PAGE)
        assert isinstance(await self.look(cache, viewer), Slot)

    async def test_from_before_a_flush_gives_nothing(self, cache: Cache, viewer: Principal) -> None:
        slot = await self.slot(cache, viewer)
        cache.keep(slot, PAGE)
        await cache._redis.run(("FLUSHDB",))
        cache.keep(slot, PAGE)
        assert isinstance(await self.look(cache, viewer), Slot)
        # The same once there are versions again: they are other ones.
        assert isinstance(await self.look(cache, viewer), Slot)

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
            assert isinstance(await self.look(cache, viewer), Slot)

    async def test_does_not_hold_large_pages(self, cache: Cache, viewer: Principal) -> None:
        cache.keep(await self.slot(cache, viewer), Page(b'"1"', b"", b"x" * (1 << 20)))
        assert isinstance(await self.look(cache, viewer), Slot)

    async def test_ends(self, cache: Cache, viewer: Principal, settings: Settings) -> None:
        slot = await self.slot(cache, viewer)
        cache.keep(slot, PAGE)
        [left] = await cache._redis.run(("TTL", slot.key))
        assert settings.cache_seconds - 2 <= left <= settings.cache_seconds


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
