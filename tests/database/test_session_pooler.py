"""Through PgBouncer in session mode, of which no setting tells."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from sqlalchemy import func, select

from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.database import pgbouncer as pooler
from app.database.pgbouncer import keeps_session
from app.database.statement import Statement
from app.database.unit_of_work import Database
from tests import servers
from tests.apps import running
from tests.database.pooled import PID, SETTINGS, changed, needs_pgbouncer
from tests.people import Person, sign_up
from tests.pgbouncer import pgbouncer
from tests.roundtrips import statements

pytestmark = needs_pgbouncer


class TestPgBouncer:
    @staticmethod
    @asynccontextmanager
    async def through(scratch: Settings) -> AsyncIterator[tuple[FastAPI, Person]]:
        with pgbouncer(scratch.migration_url, servers=20, mode="session") as url:
            settings = changed(scratch, database_url=url, database_pool_size=2)
            async with running(settings) as app, sign_up(app) as person:
                yield app, person

    async def test_serves_under_the_same_settings_as_ever(self, scratch: Settings) -> None:
        async with self.through(scratch) as (app, person):
            todo = await person.make_todo()
            async with statements(app) as sent:
                read = await person.get(f"/v1/todos/{todo['id']}")
            assert read.json() == todo
            assert len(sent) == 1
            database: Database = app.state.database
            for name, value in SETTINGS.items():
                ask = Statement(select(func.current_setting(name)))
                assert await database.reading(None).fetch_value(ask) == value
                async with database.unit_of_work() as session:
                    assert await session.fetch_value(ask) == value

    async def test_is_met_by_many_at_once(self, scratch: Settings) -> None:
        with pgbouncer(scratch.migration_url, servers=20, mode="session") as url:
            database = Database(changed(scratch, database_url=url, database_pool_size=8))
            pids = await asyncio.gather(
                *(database.reading(None).fetch_value(PID) for _ in range(50))
            )
            await database.check()
            assert database.pools["primary"].is_behind_session_pooler
            await database.close()
        assert 1 < len(set(pids)) <= 8

    async def test_is_not_taken_for_one_that_shares_a_server(self, scratch: Settings) -> None:
        """Neither with one server, which is always the same, nor with more."""
        for count in (1, 3):
            with pgbouncer(scratch.migration_url, servers=count) as url:
                assert not await keeps_session(url, 5)
                database = Database(changed(scratch, database_url=url))
                with pytest.raises(DatabaseUnavailable):
                    await database.reading(None).fetch_value(PID)
                await database.close()
        assert await keeps_session(scratch.migration_url, 5)

    async def test_that_is_refused_is_not_asked_by_every_request(
        self, scratch: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []

        async def counted(url: str, seconds: float) -> bool:
            asked.append(url)
            return await keeps_session(url, seconds)

        monkeypatch.setattr(pooler, "keeps_session", counted)
        with pgbouncer(scratch.migration_url) as url:
            database = Database(changed(scratch, database_url=url))

            async def refused() -> int:
                with pytest.raises(DatabaseUnavailable):
                    await database.reading(None).fetch_value(PID)
                return len(asked)

            assert [await refused() for _ in range(3)] == [1, 1, 1]
            # As if the time had come.
            database.pools["primary"]._next_meeting = 0
            assert [await refused() for _ in range(2)] == [2, 2]
            await database.close()

    async def test_leaves_no_listener_on_a_server_that_is_shared(self, scratch: Settings) -> None:
        with pgbouncer(scratch.migration_url, servers=1) as url:
            assert not await keeps_session(url, 5)
            connection = await servers.connect(url)
            assert await connection.fetch("SELECT pg_listening_channels()") == []
            await connection.close()

    async def test_that_has_no_server_to_spare_is_not_judged(self, scratch: Settings) -> None:
        with (
            pgbouncer(scratch.migration_url, servers=1, mode="session") as url,
            pytest.raises(TimeoutError),
        ):
            await keeps_session(url, 0.5)
