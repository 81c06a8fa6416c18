"""`/livez` and `/readyz`: what speaks against sending requests here, part by part."""

import logging
import socket
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from alembic.script import ScriptDirectory
from fastapi import FastAPI
from httpx import AsyncClient, Response

from app.core.settings import Settings
from app.database import migrations
from app.web import health
from tests import servers
from tests.apps import client_of, running
from tests.people import Person

READY = {
    "status": "ready",
    "database": "ok",
    "migrations": "ok",
    "cache": "ok",
    "draining": False,
}
FIRST = ScriptDirectory.from_config(migrations.config()).get_base()
DEAD_DATABASE = "postgresql://tickbox:geheim-4711@127.0.0.1:1/tickbox"
DEAD_CACHE = "redis://:geheim-4711@127.0.0.1:1"


async def readiness(app: FastAPI) -> Response:
    async with client_of(app) as client:
        return await client.get("/readyz")


def assert_not_ready(response: Response, **failed: Any) -> None:
    assert response.status_code == 503
    assert response.json() == READY | {"status": "not_ready"} | failed


async def test_a_process_lives_whatever_its_stores_do(settings: Settings) -> None:
    async with (
        running(settings, database_url=DEAD_DATABASE, redis_url=DEAD_CACHE) as app,
        client_of(app) as client,
    ):
        response = await client.get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "alive"})


async def test_is_ready_when_all_parts_are(client: AsyncClient) -> None:
    response = await client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == READY
    assert response.headers["cache-control"] == "no-store"


async def test_is_ready_without_the_cache_and_says_so(settings: Settings) -> None:
    """Else a load balancer would take out every process at once, and all of them answer."""
    async with running(settings, redis_url=DEAD_CACHE) as app:
        response = await readiness(app)
    assert (response.status_code, response.json()) == (200, READY | {"cache": "degraded"})


async def test_is_not_ready_without_the_database_and_shows_no_address(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with running(settings, database_url=DEAD_DATABASE) as app:
            response = await readiness(app)
    assert_not_ready(response, database="failed", migrations="failed")
    assert "geheim" not in caplog.text


@pytest.fixture(scope="module")
def scratch() -> Iterator[Settings]:
    """A database that each test leaves at head."""
    with servers.cloned_database(f"tickbox_scratch_{uuid4().hex}") as name:
        yield servers.settings_for(name)


class TestPatience:
    @pytest.fixture(autouse=True)
    def little(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert health._PATIENCE == 2
        monkeypatch.setattr(health, "_PATIENCE", 0.5)

    async def test_with_a_cache_that_says_nothing_ends(self, settings: Settings) -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
            async with running(settings, redis_url=url) as app:
                response = await readiness(app)
        assert (response.status_code, response.json()) == (200, READY | {"cache": "degraded"})

    async def test_with_a_database_that_says_nothing_ends(self, scratch: Settings) -> None:
        assert scratch.database_url is not None
        behind = await servers.connect(scratch.migration_url)
        try:
            async with running(scratch) as app:
                async with behind.transaction():
                    await behind.execute("LOCK TABLE alembic_version")
                    assert_not_ready(await readiness(app), database="failed", migrations="failed")
                assert (await readiness(app)).json() == READY
        finally:
            await behind.close()


class TestMigrations:
    async def test_are_not_read_from_the_disk_anew(
        self, scratch: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async with running(scratch) as app:
            monkeypatch.setattr(ScriptDirectory, "from_config", None)
            assert (await readiness(app)).json() == READY

    async def test_of_a_newer_version_are_for_this_one_too(self, scratch: Settings) -> None:
        assert scratch.database_url is not None
        url = scratch.database_url.get_secret_value()
        async with running(scratch) as app:
            await servers.run_sql(url, "UPDATE alembic_version SET version_num = 'newer'")
            assert (await readiness(app)).json() == READY
            head = migrations.head()
            await servers.run_sql(url, f"UPDATE alembic_version SET version_num = '{head}'")

    @pytest.mark.parametrize(
        "sql",
        [
            f"UPDATE alembic_version SET version_num = '{FIRST}'",
            "DELETE FROM alembic_version",
            "DROP TABLE alembic_version",
        ],
    )
    async def test_that_are_not_at_head_make_it_not_ready_until_they_are(
        self, scratch: Settings, sql: str
    ) -> None:
        assert scratch.database_url is not None
        url = scratch.database_url.get_secret_value()
        async with running(scratch) as app:
            assert (await readiness(app)).json() == READY
            await servers.run_sql(url, sql)
            assert_not_ready(await readiness(app), migrations="failed")
            await servers.run_sql(
                url,
                "CREATE TABLE IF NOT EXISTS alembic_version (version_num text);"
                "DELETE FROM alembic_version;"
                f"INSERT INTO alembic_version VALUES ('{migrations.head()}')",
            )
            assert (await readiness(app)).json() == READY


async def test_is_not_ready_while_it_drains_and_serves_all_the_same(
    settings: Settings, ada: Person
) -> None:
    async with running(settings) as app:
        app.state.lifecycle.draining = True
        assert_not_ready(await readiness(app), draining=True)
        async with client_of(app, ada.tokens["access_token"]) as client:
            made = await client.post("/v1/todos", json={"title": "Book the train"})
            alive = await client.get("/livez")
    assert (made.status_code, alive.status_code) == (201, 200)


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_needs_no_token_and_takes_head(client: AsyncClient, path: str) -> None:
    response = await client.head(path)
    assert (response.status_code, response.content) == (200, b"")
