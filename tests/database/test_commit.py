"""The commit comes before the answer, so that one that fails is never a 201."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from fastapi import FastAPI

from app.core.settings import Settings
from tests import servers
from tests.apps import running
from tests.people import sign_up


@pytest.fixture(scope="module")
def scratch() -> Iterator[Settings]:
    with servers.cloned_database(f"tickbox_scratch_{uuid4().hex}") as name:
        yield servers.settings_for(name)


@pytest.fixture(scope="module")
async def small_app(scratch: Settings) -> AsyncIterator[FastAPI]:
    """With one connection, which is to be had again afterwards."""
    async with running(scratch, database_pool_size=1) as app:
        yield app


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        ("RAISE 'not today'", 500, "internal_error"),
        ("RAISE unique_violation", 500, "internal_error"),
        ("RAISE serialization_failure", 503, "database_busy"),
        ("RAISE disk_full", 503, "database_unavailable"),
        ("RAISE read_only_sql_transaction", 503, "database_unavailable"),
        (
            "PERFORM pg_terminate_backend(pg_backend_pid())",
            503,
            "database_unavailable",
        ),
    ],
)
async def test_that_fails_is_no_201(
    scratch: Settings, small_app: FastAPI, failure: str, status: int, code: str
) -> None:
    assert scratch.database_url is not None
    behind = await servers.connect(scratch.migration_url)
    async with sign_up(small_app) as person:
        await behind.execute(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql "
            f"AS $$ BEGIN {failure}; RETURN NULL; END $$;"
            "CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON todos "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fail()"
        )
        refused = await person.client.post("/v1/todos", json={"title": "Book the train"})
        left = await behind.fetchval("SELECT count(*) FROM todos WHERE created_by = $1", person.id)
        await behind.execute("DROP FUNCTION fail CASCADE")
        made = await person.client.post("/v1/todos", json={"title": "Book the train"})
    await behind.close()

    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert "not today" not in refused.text
    assert left == 0
    assert made.status_code == 201
