"""The migration that brings the search: todos that were there before are found after it."""

import asyncio
from collections.abc import Iterator
from uuid import uuid4

import pytest

from app.core import migrations
from app.todos.words import as_column
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
_FOUND = """
SELECT count(*) FROM todos WHERE (replace(repeat((' ' || title_words) ||
    coalesce(' ' || description_words, ''), num_nulls(deleted_at)), ' ',
    ' ' || right(project_id::text, 8)))::tsvector
@@ replace($1, '"', (SELECT right(id::text, 8) FROM projects))::tsquery
"""


@pytest.fixture
def scratch() -> Iterator[str]:
    with servers.cloned_database(f"tickbox_words_{uuid4().hex}") as name:
        url = servers.settings_for(name).database_url
        assert url is not None
        yield url.get_secret_value()


def test_todos_of_before_get_their_words(scratch: str) -> None:
    migrations.downgrade(scratch, BEFORE)
    asyncio.run(servers.run_sql(scratch, _FILL))
    migrations.upgrade(scratch)

    async def look() -> None:
        connection = await servers.connect(scratch)
        try:
            rows = await connection.fetch(_ROWS)
            assert len(rows) == TODOS
            for row in rows:
                assert row["title_words"] == as_column(row["title"])
                assert row["description_words"] == (as_column(row["description"] or "") or None)
                assert row["version"] == 7
            await connection.execute("SET enable_seqscan = off")
            plan = await connection.fetch(f"EXPLAIN {_FOUND}", "'\"strasse':*")
            assert "ix_todos_words" in str(plan)
            assert await connection.fetchval(_FOUND, "'\"stra':*") == TODOS
            assert await connection.fetchval(_FOUND, "'\"行く':* & '\"it':*") == TODOS // 3
        finally:
            await connection.close()

    asyncio.run(look())


def test_an_attempt_that_failed_may_be_made_again(scratch: str) -> None:
    migrations.downgrade(scratch, BEFORE)
    asyncio.run(servers.run_sql(scratch, "CREATE INDEX ix_todos_words ON todos (id)"))
    migrations.upgrade(scratch)
