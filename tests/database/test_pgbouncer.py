"""Through PgBouncer in transaction mode, where the next transaction may be on another server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from app.core.settings import Settings
from app.database.statement import Statement
from app.database.unit_of_work import Database
from tests import servers
from tests.apps import running
from tests.commands import environment as environment_of
from tests.commands import invoke
from tests.database.pooled import IGNORED, PID, SETTINGS, changed, needs_pgbouncer, pooled
from tests.locks import somebody_waits
from tests.people import Person, sign_up
from tests.pgbouncer import pgbouncer
from tests.roundtrips import statements

SENTENCE = (
    "tickbox: A database's URL is of a pooler, such as PgBouncer: set TICKBOX_DATABASE_POOL_MODE "
    "to the mode of its pools; with transaction, set TICKBOX_DATABASE_DIRECT_URL to the database "
    "behind it, too.\n"
)


@pytest.fixture
async def behind(scratch: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await servers.connect(scratch.migration_url)
    yield connection
    await connection.close()


class TestTransaction:
    """What is said to the database, whoever is between."""

    @pytest.fixture
    async def app(self, scratch: Settings) -> AsyncIterator[FastAPI]:
        async with running(pooled(scratch, scratch.migration_url, database_pool_size=1)) as app:
            yield app

    @pytest.fixture
    async def ada(self, app: FastAPI) -> AsyncIterator[Person]:
        async with sign_up(app) as person:
            yield person

    async def test_is_around_each_statement_and_settings_are_its_own(
        self, app: FastAPI, ada: Person
    ) -> None:
        todo = await ada.make_todo()
        async with statements(app) as sent:
            await ada.get(f"/v1/todos/{todo['id']}")
            await ada.make_todo()
        begin, read, commit, *write = sent
        assert begin.startswith("BEGIN; SET LOCAL jit")
        assert "todos" in read
        assert commit == "COMMIT"
        assert write[0].startswith(f"{begin}; SELECT ")
        assert (write[-1], len(write)) == ("COMMIT", 3)

    @pytest.mark.parametrize(("name", "value"), SETTINGS.items())
    async def test_runs_under_the_same_settings_as_ever(
        self, app: FastAPI, name: str, value: str
    ) -> None:
        ask = Statement(select(func.current_setting(name)))
        assert (await app.state.database.reading(None).fetch_all(ask))[0][0] == value
        async with app.state.database.unit_of_work() as session:
            assert (await session.fetch_all(ask))[0][0] == value

    async def test_leaves_nothing_behind(self, app: FastAPI, ada: Person) -> None:
        await ada.make_todo()
        for limit in (1, 2, 3):
            await ada.get(f"/v1/todos?limit={limit}")
        pool = app.state.database.pools["primary"]
        connection = await pool.acquire()
        left = await connection.driver_connection.fetchrow(
            "SELECT current_setting('statement_timeout'), current_setting('plan_cache_mode'), "
            "(SELECT count(*) FROM pg_prepared_statements WHERE name <> ''), "
            "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
        )
        pool.release(connection)
        assert tuple(left) == ("0", "auto", 0, 0)

    async def test_of_a_read_that_fails_is_over(self, app: FastAPI, ada: Person) -> None:
        with pytest.raises(asyncpg.UndefinedFunctionError):
            await app.state.database.reading(None).fetch_all(
                Statement(select(func.no_such_function()))
            )
        assert (await ada.get("/v1/todos")).status_code == 200


@needs_pgbouncer
class TestPgBouncer:
    @staticmethod
    @asynccontextmanager
    async def through(
        scratch: Settings, servers: int, **changes: Any
    ) -> AsyncIterator[tuple[FastAPI, Person]]:
        with pgbouncer(scratch.migration_url, servers=servers) as url:
            async with (
                running(pooled(scratch, url, **changes)) as app,
                sign_up(app) as person,
            ):
                yield app, person

    async def test_has_fewer_servers_than_clients_and_nobody_notices(
        self, scratch: Settings
    ) -> None:
        async with self.through(scratch, 2, database_pool_size=40) as (app, person):
            made = await asyncio.gather(*(person.make_todo(f"Todo {n}") for n in range(30)))
            todos = [f"/v1/todos/{todo['id']}" for todo in made]
            read = await asyncio.gather(*map(person.get, todos))
            database: Database = app.state.database
            pids = await asyncio.gather(
                *(database.reading(None).fetch_all(PID) for _ in range(100))
            )
            pool = database.pools["primary"]
            clients = pool.in_use + len(pool._idle)
        assert [answer.json() for answer in read] == made
        assert len({pid for [[pid]] in pids}) == 2
        # A quarter is for one user.
        assert clients >= 10

    async def test_that_has_no_server_left_is_503_within_two_seconds(
        self, scratch: Settings, behind: asyncpg.Connection
    ) -> None:
        timeout = Settings.model_fields["database_pool_timeout"].default
        changes = {"cache_seconds": 0, "database_pool_timeout": timeout}
        async with self.through(scratch, 1, **changes) as (_, person):
            async with behind.transaction():
                await behind.execute("LOCK TABLE todos")
                holding = asyncio.create_task(person.get("/v1/todos"))
                await somebody_waits(behind)
                started = time.monotonic()
                refused = await person.client.get("/v1/projects")
                took = time.monotonic() - started
            assert (await holding).status_code == 200
            after = await person.get("/v1/projects")
        assert (refused.status_code, refused.json()["code"]) == (503, "database_busy")
        assert refused.headers["retry-after"] == "1"
        assert took < 2
        assert after.status_code == 200

    async def test_whose_server_dies_under_a_statement_is_503_and_has_another(
        self, scratch: Settings, behind: asyncpg.Connection
    ) -> None:
        async with self.through(scratch, 2, cache_seconds=0) as (_, person):
            async with behind.transaction():
                await behind.execute("LOCK TABLE todos")
                asking = asyncio.create_task(person.client.get("/v1/todos"))
                await somebody_waits(behind)
                await behind.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                lost = await asking
            after = await person.get("/v1/todos")
        assert (lost.status_code, lost.json()["code"]) == (503, "database_unavailable")
        assert after.status_code == 200

    async def test_cancels_what_takes_too_long(
        self, scratch: Settings, behind: asyncpg.Connection
    ) -> None:
        limits = {"statement_timeout": 0.5, "cache_seconds": 0}
        async with self.through(scratch, 1, **limits) as (_, person):
            async with behind.transaction():
                await behind.execute("LOCK TABLE todos")
                slow = await person.client.get("/v1/todos")
            after = await person.get("/v1/todos")
        assert (slow.status_code, slow.json()["code"]) == (503, "database_busy")
        assert after.status_code == 200


@needs_pgbouncer
class TestStart:
    """`tickbox migrate` and `tickbox serve` begin alike."""

    @staticmethod
    def migrated(settings: Settings) -> tuple[int, str]:
        done = invoke("migrate", env=environment_of(settings))
        return done.code, done.errors

    @pytest.mark.parametrize("more", ["", IGNORED])
    def test_tells_of_a_pooler_that_the_settings_do_not_know(
        self, scratch: Settings, more: str
    ) -> None:
        with pgbouncer(scratch.migration_url, more=more) as url:
            assert self.migrated(changed(scratch, database_url=url)) == (1, SENTENCE)
            replica = changed(scratch, database_read_url=url)
            environment = environment_of(replica) | {"TICKBOX_DATABASE_READ_URL": url}
            done = invoke("migrate", env=environment)
            assert (done.code, done.errors) == (1, SENTENCE)

    def test_goes_through_a_pooler_that_keeps_sessions(self, scratch: Settings) -> None:
        servers.downgrade(scratch.migration_url, "-1")
        with pgbouncer(scratch.migration_url, servers=20, mode="session") as url:
            settings = changed(scratch, database_url=url, database_pool_mode="session")
            assert self.migrated(settings) == (0, "")

    def test_migrates_around_a_pooler(self, scratch: Settings) -> None:
        with pgbouncer(scratch.migration_url) as url:
            assert self.migrated(pooled(scratch, url)) == (0, "")

    def test_tells_of_options_that_the_pooler_does_not_take(self, scratch: Settings) -> None:
        with pgbouncer(scratch.migration_url) as url:
            code, said = self.migrated(pooled(scratch, f"{url}?options=endpoint%3Dtodo"))
        assert code == 1
        assert said == (
            "tickbox: The pooler does not take `options` of a database's URL: leave them out.\n"
        )

    @pytest.mark.parametrize("more", ["", IGNORED])
    def test_does_not_take_a_pooler_for_the_database(self, scratch: Settings, more: str) -> None:
        with pgbouncer(scratch.migration_url, more=more) as url:
            settings = changed(pooled(scratch, url), database_direct_url=url)
            code, said = self.migrated(settings)
        assert code == 1
        assert said == (
            "tickbox: The database at 127.0.0.1 cannot be migrated: a pooler is between, and "
            "migrations need the database itself: set TICKBOX_DATABASE_DIRECT_URL, or "
            "TICKBOX_DATABASE_POOL_MODE to session if that is the pooler's.\n"
        )
