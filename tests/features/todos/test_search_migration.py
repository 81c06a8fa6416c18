"""The migrations that bring the lists' indexes and the search, beside whoever else is at work."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url

from app.database import migrations
from app.database.unit_of_work import Database
from app.features.todos.models import WORDS
from app.features.todos.search_backfill import backfill_search_words
from app.features.todos.words import words
from tests import servers

BEFORE = "dd173a2d155b"
TODOS = 1_203  # more than two batches
_FILL = f"""
INSERT INTO users (id, email, email_key, password_hash, timezone, locale, week_start, version,
    created_at, updated_at)
VALUES (gen_random_uuid(), 'a', 'a', '', 'UTC', 'en', 'monday', 1, now(), now());
INSERT INTO projects (id, depth, created_by, name, is_inbox, archived, position, version,
    created_at, updated_at)
SELECT gen_random_uuid(), 1, id, '', true, false, '', 1, now(), now() FROM users;
INSERT INTO todos (id, project_id, depth, created_by, title, title_key, description, priority,
    due_all_day, position, subtask_count, completed_subtask_count, version, created_at, updated_at)
SELECT gen_random_uuid(), p.id, 1, p.created_by, 'Straße ' || n, '',
    CASE WHEN n % 3 = 0 THEN NULL WHEN n % 3 = 1 THEN '…' ELSE 'It''s "' || n || '" \\ : 行く' END,
    0, false, n, 0, 0, 7, now(), now()
FROM projects p, generate_series(1, {TODOS}) n;
"""
_ROWS = "SELECT title, description, title_words, description_words, version FROM todos"
_FOUND = f"""
SELECT count(*) FROM todos WHERE {WORDS}
@@ replace($1, '"', (SELECT right(id::text, 8) FROM projects))::tsquery
"""
_INDEXES = "SELECT indexrelid::regclass::text, indexrelid FROM pg_index WHERE indisvalid"
_FAIL = """
UPDATE alembic_version SET version_num = '3f0c5a7be912';
UPDATE pg_index SET indisvalid = false
WHERE indexrelid IN ('ix_todos_words'::regclass, 'ix_todos_updated_at'::regclass)
"""
# Longer than a migration waits for any other lock.
_WAITS = """
SELECT bool_or(clock_timestamp() - query_start > '2.2 s') FROM pg_stat_activity
WHERE application_name = 'tickbox-migrate' AND datname = current_database()
AND wait_event_type = 'Lock' AND query LIKE 'CREATE INDEX CONCURRENTLY%'
"""


@pytest.fixture
def scratch() -> Iterator[str]:
    with servers.cloned_database(f"tickbox_words_{uuid4().hex}") as name:
        yield servers.settings_for(name).migration_url


def _split(name: str) -> int:
    async def run() -> int:
        database = Database(servers.settings_for(name))
        try:
            return await backfill_search_words(database)
        finally:
            await database.close()

    return asyncio.run(run())


def _ask(url: str, sql: str, *arguments: object) -> list[asyncpg.Record]:
    async def run() -> list[asyncpg.Record]:
        connection = await servers.connect(url)
        try:
            await connection.execute("SET enable_seqscan = off")
            return await connection.fetch(sql, *arguments)
        finally:
            await connection.close()

    return asyncio.run(run())


def _indexes(url: str) -> dict[str, int]:
    return {name: number for name, number in _ask(url, _INDEXES)}  # noqa: C416


@pytest.fixture
def before(scratch: str) -> str:
    """The URL of a database with todos of the version before."""
    servers.downgrade(scratch, BEFORE)
    asyncio.run(servers.run_sql(scratch, _FILL))
    return scratch


def test_todos_of_before_get_their_words(before: str) -> None:
    migrations.upgrade(before)
    name = str(make_url(before).database)
    assert _split(name) == TODOS
    assert _split(name) == 0

    rows = _ask(before, _ROWS)
    assert len(rows) == TODOS
    for row in rows:
        text = row["description"]
        assert row["title_words"] == " ".join(words(row["title"]))
        assert row["description_words"] == (None if text is None else " ".join(words(text)))
        assert row["version"] == 7
    assert "ix_todos_words" in str(_ask(before, f"EXPLAIN {_FOUND}", "'\"strasse':*"))
    assert _ask(before, _FOUND, "'\"stra':*")[0][0] == TODOS
    assert _ask(before, _FOUND, "'\"行く':* & '\"it':*")[0][0] == TODOS // 3


def test_a_row_that_somebody_has_locked_is_left_for_the_next_time(before: str) -> None:
    migrations.upgrade(before)
    name = str(make_url(before).database)
    with asyncio.Runner() as runner:
        other = runner.run(servers.connect(before))
        runner.run(other.execute("BEGIN"))
        runner.run(other.execute("SELECT FROM todos WHERE position = '7' FOR UPDATE"))
        with ThreadPoolExecutor() as threads:
            assert threads.submit(_split, name).result() == TODOS - 1
        runner.run(other.close())
    assert _split(name) == 1


def test_an_open_transaction_is_waited_for(before: str) -> None:
    """As a backup's, which sees the database as it was for as long as it takes."""
    with asyncio.Runner() as runner, ThreadPoolExecutor() as threads:
        other = runner.run(servers.connect(before))
        looking = runner.run(servers.connect(before))
        runner.run(other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ"))
        runner.run(other.execute("SELECT FROM users"))
        # Each of the two migrations by itself; the first has many indexes, and waits at the first.
        migrated = threads.submit(migrations.upgrade, before)
        while not runner.run(looking.fetchval(_WAITS)) and not migrated.done():
            pass
        waited = not migrated.done()
        runner.run(other.close())
        runner.run(looking.close())
        migrated.result()
    assert waited
    assert {"ix_todos_words", "ix_todos_updated_at"} <= _indexes(before).keys()


def test_what_an_attempt_that_failed_has_left_is_made_again_and_the_rest_kept(before: str) -> None:
    servers.only_as_superuser("make an index invalid")
    migrations.upgrade(before)
    good = _indexes(before)
    # Both are made again, as after a failure in the first.
    broken = {"ix_todos_words", "ix_todos_updated_at"}
    asyncio.run(servers.run_sql(before, _FAIL))
    migrations.upgrade(before)

    now = _indexes(before)
    assert now.keys() == good.keys()
    assert {name for name in now if now[name] != good[name]} == broken
