"""One user holds a quarter of the connections at most, and what security asks has its own."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import FastAPI

from app.core.errors import DatabaseBusy
from app.core.settings import Settings
from app.features.sessions.revocations import EndedSessions
from tests import servers
from tests.apps import client_of, running
from tests.locks import everybody_waits
from tests.people import PASSWORD, Json, Person, sign_in, sign_up

pytestmark = pytest.mark.keeps_session(reason="PgBouncer has fewer connections than it counts on")

SIZE = 8
SHARE = 2


@pytest.fixture(scope="module")
def scratch() -> Iterator[Settings]:
    with servers.cloned_database(f"tickbox_shares_{uuid4().hex}") as name:
        yield servers.settings_for(name)


@pytest.fixture
async def behind(scratch: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await servers.connect(scratch.migration_url)
    yield connection
    await connection.close()


@pytest.fixture
async def app(scratch: Settings) -> AsyncIterator[FastAPI]:
    async with running(
        scratch, database_pool_size=SIZE, database_pool_timeout=1, cache_seconds=0
    ) as app:
        yield app


@asynccontextmanager
async def locked(behind: asyncpg.Connection, *todos: Json) -> AsyncIterator[None]:
    """Whoever changes one of these todos waits."""
    async with behind.transaction():
        ids = [UUID(todo["id"]) for todo in todos]
        await behind.execute("SELECT FROM todos WHERE id = ANY($1) FOR UPDATE", ids)
        yield


def change(person: Person, todo: Json) -> Any:
    return asyncio.create_task(
        person.client.patch(f"/v1/todos/{todo['id']}", json={"title": "Book the ship"})
    )


async def test_one_user_leaves_the_others_what_they_need(
    app: FastAPI, behind: asyncpg.Connection
) -> None:
    pool = app.state.database.pools["primary"]
    async with sign_up(app, "Ada") as ada, sign_up(app, "Bob") as bob:
        todo, other = await ada.make_todo(), await bob.make_todo()
        async with locked(behind, todo):
            changing = [change(ada, todo) for _ in range(SHARE)]
            await everybody_waits(behind, SHARE)
            more = [change(ada, todo) for _ in range(20)]
            more += [asyncio.create_task(ada.get("/v1/todos")) for _ in range(20)]
            await asyncio.sleep(0)
            assert pool.in_use <= SHARE
            for _ in range(10):
                assert (await bob.get(f"/v1/todos/{other['id']}")).status_code == 200
                assert (await bob.make_todo())["version"] == 1
            assert not any(task.done() for task in more)
            refused = await asyncio.gather(*more)
        assert {(answer.status_code, answer.json()["code"]) for answer in refused} == {
            (503, "database_busy")
        }
        assert {answer.headers["retry-after"] for answer in refused} == {"1"}
        assert {answer.status_code for answer in await asyncio.gather(*changing)} == {200}
        assert (await ada.get("/v1/todos")).status_code == 200
    assert (pool.in_use, pool.waiting) == (0, 0)


async def test_who_is_not_signed_in_leaves_it_too(app: FastAPI, behind: asyncpg.Connection) -> None:
    pool = app.state.database.pools["primary"]
    async with sign_up(app, "Ada") as ada, client_of(app) as stranger:
        async with behind.transaction():
            await behind.execute("LOCK TABLE refresh_tokens")
            data = {"grant_type": "refresh_token", "refresh_token": "tbr_unknown"}
            asking = [
                asyncio.create_task(stranger.post("/v1/oauth/token", data=data)) for _ in range(10)
            ]
            await everybody_waits(behind, SHARE)
            assert pool.in_use == SHARE
            assert (await ada.make_todo())["version"] == 1
            refused = await asyncio.gather(*asking[SHARE:])
        await asyncio.gather(*asking)
    assert {answer.status_code for answer in refused} == {503}


async def test_a_session_that_ended_is_known_while_no_connection_is_left(
    app: FastAPI, scratch: Settings, behind: asyncpg.Connection
) -> None:
    pool = app.state.database.pools["primary"]
    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(sign_up(app)) for _ in range(SIZE // SHARE)]
        ada = people[0]
        todos = [await person.make_todo() for person in people]
        async with locked(behind, *todos):
            changing = [
                change(person, todo)
                for person, todo in zip(people, todos, strict=True)
                for _ in range(SHARE)
            ]
            await everybody_waits(behind, SIZE)
            assert pool.in_use == SIZE
            # Another process ends it.
            await app.state.resource(EndedSessions).refresh()
            assert (await ada.get("/v1/sessions")).status_code == 503
            ending = "UPDATE sessions SET ended_at = clock_timestamp() WHERE user_id = $1"
            another = await servers.connect(scratch.migration_url)
            await another.execute(ending, ada.id)
            await another.close()
            async with asyncio.timeout(1):
                await app.state.resource(EndedSessions).refresh()
            assert (await ada.get("/v1/sessions")).status_code == 401
            assert pool.in_use == SIZE
        answers = await asyncio.gather(*changing)
        assert {answer.status_code for answer in answers} == {200}


async def test_all_of_a_request_does_with_one_connection(scratch: Settings) -> None:
    """No request needs a second one while it has the first: it could not get it from its share."""
    async with (
        running(scratch, database_pool_size=1, database_pool_timeout=0.2) as app,
        sign_up(app, "Ada") as ada,
    ):
        client = ada.client
        tokens = await sign_in(client, ada.user["email"])
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        answers = [
            await client.post("/v1/oauth/token", data=refresh),
            await client.post("/v1/oauth/introspect", data={"token": tokens["refresh_token"]}),
            await client.post("/v1/oauth/revoke", data={"token": tokens["access_token"]}),
            await client.post(
                "/v1/todos", json={"title": "Book"}, headers={"Idempotency-Key": uuid4().hex}
            ),
            await client.post(
                "/v1/users/me/password", json={"current": PASSWORD, "new": f"{PASSWORD}!"}
            ),
            await client.request("DELETE", "/v1/users/me", json={"password": f"{PASSWORD}!"}),
        ]
    assert [answer.status_code < 300 for answer in answers] == [True] * len(answers), answers


async def test_one_that_waits_in_vain_waits_no_longer(settings: Settings) -> None:
    async with running(settings, database_pool_size=1, database_pool_timeout=0.01) as app:
        pool = app.state.database.pools["primary"]
        connection = await pool.acquire()
        with pytest.raises(DatabaseBusy):
            await pool.acquire()
        assert (pool.in_use, pool.waiting) == (1, 0)
        pool.release(connection)
