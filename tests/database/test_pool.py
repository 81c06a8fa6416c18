"""Connections are few: they are waited for, replaced when they break, and never lost."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import make_url

from app.core.settings import Settings
from tests import servers
from tests.apps import client_of, running
from tests.people import Person, sign_up

ONE: dict[str, Any] = {"database_pool_size": 1, "database_pool_timeout": 0.2}


@pytest.fixture(scope="module")
def scratch() -> Iterator[Settings]:
    """A database in which nobody else is, to lock and to kill."""
    with servers.cloned_database(f"tickbox_scratch_{uuid4().hex}") as name:
        yield servers.settings_for(name)


@pytest.fixture
async def behind(scratch: Settings) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else in that database."""
    connection = await servers.connect(scratch.migration_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def small_app(scratch: Settings) -> AsyncIterator[FastAPI]:
    """With one connection, which each test leaves as good as it was."""
    async with running(scratch, **ONE) as app:
        yield app


@pytest.fixture
async def eve(small_app: FastAPI) -> AsyncIterator[Person]:
    async with sign_up(small_app, "Eve") as person:
        yield person


@asynccontextmanager
async def locked(behind: asyncpg.Connection) -> AsyncIterator[None]:
    """Nobody gets at todos."""
    async with behind.transaction():
        await behind.execute("LOCK TABLE todos")
        yield


async def waiting(behind: asyncpg.Connection, statement: str = "%") -> None:
    """Until somebody waits for a lock; the questions are the waiting."""
    async with asyncio.timeout(5):
        while not await behind.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND wait_event_type = 'Lock' AND query LIKE $1",
            statement,
        ):
            pass


async def kill(behind: asyncpg.Connection) -> int:
    """End all connections but this one, as a restart does."""
    ended = await behind.fetch(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    return len(ended)


def todos(person: Person, method: str) -> Any:
    """A request that reads, or one that writes."""
    body = {"title": "Book the train"} if method == "POST" else None
    return person.client.request(method, "/v1/todos", json=body)


async def made_by(person: Person, behind: asyncpg.Connection) -> int:
    """How many todos are really there."""
    count: int = await behind.fetchval(
        "SELECT count(*) FROM todos WHERE created_by = $1", person.id
    )
    return count


def assert_problem(response: Response, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (503, code)
    assert response.headers["retry-after"] == "1"
    assert response.headers["content-type"] == "application/problem+json"


class TestExhausted:
    async def test_is_503_within_two_seconds_and_over_when_a_connection_is_free(
        self, scratch: Settings, behind: asyncpg.Connection
    ) -> None:
        timeout = Settings.model_fields["database_pool_timeout"].default
        async with (
            running(scratch, database_pool_size=8, database_pool_timeout=timeout) as app,
            sign_up(app) as eve,
        ):
            async with locked(behind):
                holding = [asyncio.create_task(todos(eve, "GET")) for _ in range(2)]
                await waiting(behind)
                started = time.monotonic()
                refused = await asyncio.gather(*(todos(eve, "GET") for _ in range(10)))
                took = time.monotonic() - started
            held = await asyncio.gather(*holding)
            after = await asyncio.gather(*(todos(eve, "GET") for _ in range(10)))

        for response in refused:
            assert_problem(response, "database_busy")
        assert took < 2
        assert {response.status_code for response in (*held, *after)} == {200}

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_loses_no_connection(
        self, eve: Person, behind: asyncpg.Connection, method: str
    ) -> None:
        async with locked(behind):
            holding = asyncio.create_task(todos(eve, "GET"))
            await waiting(behind)
            assert_problem(await todos(eve, method), "database_busy")
        assert (await holding).status_code == 200
        assert (await todos(eve, method)).is_success


class TestSlow:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_statement_is_given_up(
        self, scratch: Settings, behind: asyncpg.Connection, method: str
    ) -> None:
        async with running(scratch, **ONE, statement_timeout=0.5) as app, sign_up(app) as eve:
            async with locked(behind):
                assert_problem(await todos(eve, method), "database_busy")
            assert (await todos(eve, method)).is_success
        assert await made_by(eve, behind) == (method == "POST")


class TestBroken:
    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_while_idle_is_replaced(
        self, eve: Person, behind: asyncpg.Connection, method: str
    ) -> None:
        assert await kill(behind) > 0
        first, second = await todos(eve, method), await todos(eve, method)

        # Where the news had not come yet, one request is lost, and says so.
        if not first.is_success:
            assert_problem(first, "database_unavailable")
        assert second.is_success

    @pytest.mark.keeps_session(reason="PgBouncer has fewer connections than it counts on")
    async def test_all_at_once_are_replaced(
        self, scratch: Settings, behind: asyncpg.Connection
    ) -> None:
        async with running(scratch, database_pool_size=48) as app, sign_up(app) as eve:
            await asyncio.gather(*(todos(eve, "GET") for _ in range(20)))
            assert await kill(behind) >= 10
            await todos(eve, "GET")
            after = await asyncio.gather(*(todos(eve, "GET") for _ in range(20)))
        assert {response.status_code for response in after} == {200}

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_under_a_statement_is_503_and_replaced(
        self, eve: Person, behind: asyncpg.Connection, method: str
    ) -> None:
        async with locked(behind):
            asking = asyncio.create_task(todos(eve, method))
            await waiting(behind)
            await kill(behind)
            assert_problem(await asking, "database_unavailable")
        assert (await todos(eve, method)).is_success
        assert await made_by(eve, behind) == (method == "POST")


@pytest.mark.keeps_session(reason="PgBouncer is who connects, and always as the same")
class TestRefused:
    """The database answers, but takes no more connections, or not ours."""

    @staticmethod
    def as_guest(scratch: Settings, role: str) -> AbstractAsyncContextManager[FastAPI]:
        assert scratch.database_url is not None
        url = make_url(scratch.database_url.get_secret_value()).set(username=role)
        return running(scratch, database_url=url.render_as_string(hide_password=False))

    @pytest.mark.parametrize(
        ("options", "code"),
        [
            ("LOGIN CONNECTION LIMIT 0", "database_busy"),
            ("NOLOGIN", "database_unavailable"),
            (None, "database_unavailable"),
        ],
    )
    async def test_is_503(
        self, scratch: Settings, behind: asyncpg.Connection, options: str | None, code: str
    ) -> None:
        role = f"guest_{uuid4().hex}"
        if options is not None:
            servers.only_as_superuser("make another one")
            password = make_url(scratch.migration_url).password or ""
            await behind.execute(f"CREATE ROLE {role} {options} PASSWORD '{password}'")
        try:
            async with self.as_guest(scratch, role) as app, client_of(app) as client:
                response = await client.post(
                    "/v1/oauth/token",
                    data={"grant_type": "password", "username": "a@example.com", "password": "x"},
                )
        finally:
            if options is not None:
                await behind.execute(f"DROP ROLE {role}")
        assert_problem(response, code)
        assert role not in response.text


class TestCancelled:
    """The client went away, or the server has to stop: the connection is there for the next."""

    async def cancelled(self, asking: asyncio.Task[Any]) -> None:
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_while_it_waits_for_a_connection(
        self, eve: Person, behind: asyncpg.Connection, method: str
    ) -> None:
        async with locked(behind):
            holding = asyncio.create_task(todos(eve, "GET"))
            await waiting(behind)
            asking = asyncio.create_task(todos(eve, method))
            await behind.fetchval("SELECT 1")
            await self.cancelled(asking)
        assert (await holding).status_code == 200
        assert (await todos(eve, method)).is_success

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_while_its_statement_runs(
        self, eve: Person, behind: asyncpg.Connection, method: str
    ) -> None:
        async with locked(behind):
            asking = asyncio.create_task(todos(eve, method))
            await waiting(behind)
            await self.cancelled(asking)
        assert (await todos(eve, method)).is_success
        assert await made_by(eve, behind) == (method == "POST")

    async def test_while_it_commits(self, eve: Person, behind: asyncpg.Connection) -> None:
        await behind.execute(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$;"
            "CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON todos "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()"
        )
        await behind.fetchval("SELECT pg_advisory_lock(1)")
        asking = asyncio.create_task(todos(eve, "POST"))
        await waiting(behind, "COMMIT")
        await self.cancelled(asking)
        await behind.fetchval("SELECT pg_advisory_unlock(1)")
        assert (await todos(eve, "POST")).is_success
        await behind.execute("DROP FUNCTION wait CASCADE")

    @pytest.mark.parametrize("method", ["GET", "POST"])
    async def test_at_any_moment_and_more_than_once(self, eve: Person, method: str) -> None:
        for turns in range(30):
            asking = asyncio.create_task(todos(eve, method))
            for _ in range(turns):
                await asyncio.sleep(0)
            while not asking.done():
                asking.cancel()
                await asyncio.sleep(0)
            await asyncio.gather(asking, return_exceptions=True)
            response: Response = await todos(eve, method)
            assert response.is_success, (turns, response.text)


async def test_a_migration_that_adds_a_column_disturbs_nobody(
    eve: Person, behind: asyncpg.Connection
) -> None:
    client: AsyncClient = eve.client
    for _ in range(2):
        todo = await eve.make_todo()
        changed = await client.patch(f"/v1/todos/{todo['id']}", json={"completed": True})
        listed = await client.get("/v1/todos")
        account = await client.patch("/v1/users/me", json={"locale": "fr"})
        assert [each.status_code for each in (changed, listed, account)] == [200] * 3
        for table in ("todos", "projects", "users"):
            await behind.execute(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS extra text")
