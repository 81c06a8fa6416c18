"""The instants of zoned dues follow the rules of their zones, also those that are stored."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from importlib.resources import files
from pathlib import Path
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import FastAPI

from app import sweeps
from app.core import timezones
from app.core.clock import utc_now
from app.core.settings import Settings
from app.features.todos import due_rules
from app.features.todos.due_rules import recompute
from tests import servers
from tests.apps import running
from tests.commands import environment, run
from tests.core import wall_clocks
from tests.people import Json, Person, sign_up
from tests.roundtrips import statements

BERLIN = {"datetime": "2027-07-01T12:00:00", "timezone": "Europe/Berlin"}
MANY = 1_203  # more than two batches
_ROWS = """
INSERT INTO todos (id, project_id, depth, created_by, title, title_key, title_words, priority,
    due_local, due_timezone, due_all_day, due_at, position, subtask_count,
    completed_subtask_count, version, created_at, updated_at)
SELECT gen_random_uuid(), id, 1, created_by, 'T', 't', 't', 0, '2027-07-01T12:00', 'Europe/Berlin',
    false, '2027-07-01T12:00Z', 'x' || n, 0, 0, 1, now(), now()
FROM projects, generate_series(1, $1::int) AS n WHERE created_by = $2
"""
_WRONG = "SELECT count(*) FROM todos WHERE due_at <> '2027-07-01T10:00Z'"
# What a release leaves that knows of no rules, or has others.
_OTHERS = "UPDATE todos SET due_at = '2027-07-01T12:00Z', due_rules = $1"


@pytest.fixture
def own(settings: Settings) -> Iterator[Settings]:
    """A database of its own: all its todos are of this test."""
    with servers.cloned_database(f"tickbox_rules_{uuid4().hex}") as name:
        yield servers.settings_for(name)


@pytest.fixture
async def app(own: Settings) -> AsyncIterator[FastAPI]:
    async with running(own, cache_seconds=0) as app:
        yield app


@pytest.fixture
async def ada(app: FastAPI) -> AsyncIterator[Person]:
    async with sign_up(app) as person:
        yield person


@pytest.fixture
async def database(own: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await servers.connect(own.migration_url)
    yield connection
    await connection.close()


@pytest.fixture
def change_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Give a zone the rules of another one, as if by another version of the package."""

    def forget() -> None:
        timezones.zone.cache_clear()
        timezones.rules.cache_clear()

    def change(name: str, other: str) -> None:
        package = tmp_path / "tzdata"
        with_all = files("tzdata").joinpath("zoneinfo")
        shutil.copytree(str(with_all), package / "zoneinfo", dirs_exist_ok=True)
        (package / "zoneinfo" / name).write_bytes(wall_clocks.file_of(other))
        monkeypatch.setattr(timezones, "_PACKAGE", package)
        forget()

    yield change
    monkeypatch.undo()
    forget()


async def _row(database: asyncpg.Connection, todo: Json) -> asyncpg.Record:
    row = await database.fetchrow("SELECT *, xmin FROM todos WHERE id = $1", UUID(todo["id"]))
    assert row is not None
    return row


async def _found(person: Person, before: str) -> list[str]:
    page = await person.get("/v1/todos", params={"due_before": before})
    return sorted(todo["title"] for todo in page.json()["items"])


async def test_new_rules_reach_what_is_stored_and_change_no_todo(
    app: FastAPI, ada: Person, database: asyncpg.Connection, change_rules: Callable[..., None]
) -> None:
    todo = await ada.make_todo("a", due=BERLIN)
    other = await ada.make_todo("b", due={**BERLIN, "timezone": "Europe/Vienna"})
    before = [await _row(database, each) for each in (todo, other)]
    changes = await database.fetchval("SELECT count(*) FROM changes")
    assert await _found(ada, "2027-07-01T04:00:00Z") == []

    change_rules("Europe/Berlin", "Asia/Tokyo")
    assert await recompute(app.state.database) == 1
    assert await recompute(app.state.database) == 0

    assert await _found(ada, "2027-07-01T04:00:00Z") == ["a"]
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo
    assert await database.fetchval("SELECT count(*) FROM changes") == changes
    after = [await _row(database, each) for each in (todo, other)]
    changed = {name for name in after[0].keys() if after[0][name] != before[0][name]}  # noqa: SIM118
    assert changed == {"due_at", "due_rules", "xmin"}
    # The other zone's rules are as before, and so its row is not even touched.
    assert after[1] == before[1]


@pytest.mark.keeps_session(reason="there each read is a transaction of three statements")
async def test_nothing_new_costs_one_statement(app: FastAPI, ada: Person) -> None:
    await ada.make_todo("a", due=BERLIN)
    await recompute(app.state.database)
    async with statements(app) as sql:
        assert await recompute(app.state.database) == 0
    assert len([each for each in sql if "todos" in each]) == len(sql) == 1


@pytest.mark.parametrize("rules", [0, 1, timezones.MAX_RULES])
async def test_what_other_rules_have_written_is_found(
    app: FastAPI, ada: Person, database: asyncpg.Connection, rules: int
) -> None:
    await database.execute(_ROWS, 3, ada.id)
    await ada.make_todo("day", due={"date": "2027-07-01"})
    await database.execute(_OTHERS + " WHERE due_timezone IS NOT NULL", rules)
    assert await recompute(app.state.database) == 3
    assert await database.fetchval(_WRONG) == 0
    assert await database.fetchval("SELECT count(*) FROM todos WHERE due_at IS NULL") == 1


async def test_it_goes_on_where_it_was_cut_off(
    app: FastAPI,
    ada: Person,
    database: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await database.execute(_ROWS, MANY, ada.id)
    computed = 0

    def fail_late(clock: object, name: str) -> str:
        nonlocal computed
        computed += 1
        if computed > MANY // 2:
            raise RuntimeError
        return "2027-07-01T10:00:00+00:00"

    with monkeypatch.context() as patched:
        patched.setattr(due_rules, "_instant", fail_late)
        with pytest.raises(RuntimeError):
            await recompute(app.state.database)
    left = await database.fetchval(_WRONG)
    assert 0 < left < MANY

    assert await recompute(app.state.database) == left
    assert await database.fetchval(_WRONG) == 0


async def test_what_somebody_holds_is_left_for_the_next_time(
    app: FastAPI, ada: Person, database: asyncpg.Connection
) -> None:
    await database.execute(_ROWS, 5, ada.id)
    async with database.transaction():
        await database.execute("SELECT FROM todos LIMIT 2 FOR UPDATE")
        assert await recompute(app.state.database) == 3
    assert await recompute(app.state.database) == 2
    assert await database.fetchval(_WRONG) == 0


async def test_a_due_without_an_instant_by_new_rules_keeps_the_old_one(
    app: FastAPI, ada: Person, database: asyncpg.Connection, change_rules: Callable[..., None]
) -> None:
    due = {"datetime": "0001-01-01T00:30:00", "timezone": "Etc/UTC"}
    before = await _row(database, todo := await ada.make_todo("a", due=due))
    change_rules("Etc/UTC", "Asia/Tokyo")
    assert await recompute(app.state.database) == 1
    assert await recompute(app.state.database) == 0
    assert (await _row(database, todo))["due_at"] == before["due_at"]


async def test_the_same_due_again_is_no_change_whatever_the_rules(
    ada: Person, database: asyncpg.Connection
) -> None:
    todo = await ada.make_todo("a", due=BERLIN)
    await database.execute(_OTHERS, 1)
    response = await ada.client.patch(f"/v1/todos/{todo['id']}", json={"due": BERLIN})
    assert response.json() == todo


async def test_migrate_and_the_sweep_do_it(
    app: FastAPI, own: Settings, ada: Person, database: asyncpg.Connection
) -> None:
    await database.execute(_ROWS, 2, ada.id)
    done = await asyncio.to_thread(run, "migrate", env=environment(own))
    assert (done.code, done.errors) == (0, "")
    assert await database.fetchval(_WRONG) == 0

    await database.execute(_OTHERS, 0)
    await sweeps.sweep(app.state.database, own, utc_now)
    assert await database.fetchval(_WRONG) == 0
