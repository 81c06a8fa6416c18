"""The migration that counts the todos of before, beside whoever else is at work."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import asyncpg
import pytest

from app.database import migrations
from tests import servers

BEFORE = "2d7f91c4e5b8"
USERS = 1_203  # more than one batch
# Each user has an Inbox that another one may write to, and up to four todos in it: by either of
# them, and every third one deleted.
_FILL = f"""
INSERT INTO users (id, email, email_key, password_hash, timezone, locale, week_start, version,
    created_at, updated_at)
SELECT gen_random_uuid(), n, n, '', 'UTC', 'en', 'monday', 1, now(), now()
FROM generate_series(1, {USERS}) n;
INSERT INTO projects (id, depth, created_by, name, is_inbox, archived, position, version,
    created_at, updated_at)
SELECT gen_random_uuid(), 1, id, email, true, false, '', 1, now(), now() FROM users;
INSERT INTO project_members (user_id, project_id, role, created_at)
SELECT created_by, id, 'owner', now() FROM projects
UNION ALL SELECT u.id, p.id, 'editor', now()
FROM projects p JOIN users u ON u.email::int = p.name::int % {USERS} + 1;
"""
_TODOS = """
INSERT INTO todos (id, project_id, depth, created_by, title, title_key, priority, due_all_day,
    position, subtask_count, completed_subtask_count, version, created_at, updated_at, deleted_at)
SELECT gen_random_uuid(), m.project_id, 1, m.user_id, '', '', 0, false, gen_random_uuid(), 0, 0, 1,
    now(), now(), CASE WHEN n % 3 = 0 THEN now() END
FROM project_members m JOIN projects p ON p.id = m.project_id, generate_series(0, 1) n
WHERE p.name::int % 5 > 0 AND (n = 0 OR m.role = 'owner')
"""
_ERASE = "DELETE FROM todos WHERE id IN (SELECT id FROM todos ORDER BY id LIMIT 100)"
# Those of whom the table says something else than there is.
_WRONG = """
SELECT u.email, held, counted FROM users u,
LATERAL (SELECT count(*) AS held FROM project_members m JOIN todos t USING (project_id)
    WHERE m.user_id = u.id AND m.role = 'owner') AS owned,
LATERAL (SELECT coalesce(sum(count), 0) AS counted FROM todo_counts WHERE owner_id = u.id) AS told
WHERE held <> counted
"""
_FAIL = f"""
UPDATE alembic_version SET version_num = '{BEFORE}';
DELETE FROM todo_counts WHERE owner_id > (SELECT id FROM users ORDER BY id LIMIT 1 OFFSET 999);
"""


@pytest.fixture
def before() -> Iterator[str]:
    """The URL of a database with todos of the version before."""
    with servers.cloned_database(f"tickbox_counts_{uuid4().hex}") as name:
        url = servers.settings_for(name).migration_url
        servers.downgrade(url, BEFORE)
        asyncio.run(servers.run_sql(url, _FILL + _TODOS))
        yield url


def _wrong(url: str) -> list[asyncpg.Record]:
    async def ask() -> list[asyncpg.Record]:
        connection = await servers.connect(url)
        try:
            return await connection.fetch(_WRONG)
        finally:
            await connection.close()

    return asyncio.run(ask())


def test_todos_of_before_are_counted_for_the_project_s_owner(before: str) -> None:
    migrations.upgrade(before)
    assert _wrong(before) == []


def test_so_are_those_that_come_and_go_meanwhile(before: str) -> None:
    async def write(migrated: asyncio.Future[None]) -> None:
        connection = await servers.connect(before)
        try:
            while not migrated.done():
                for sql in (_TODOS, _ERASE):
                    await connection.execute(sql)
        finally:
            await connection.close()

    async def both() -> None:
        with ThreadPoolExecutor() as threads:
            loop = asyncio.get_running_loop()
            migrated = loop.run_in_executor(threads, migrations.upgrade, before)
            await write(migrated)
            await migrated

    asyncio.run(both())
    assert _wrong(before) == []


def test_an_attempt_that_failed_after_a_batch_is_made_again(before: str) -> None:
    migrations.upgrade(before)
    asyncio.run(servers.run_sql(before, _FAIL + _TODOS + ";" + _ERASE))
    assert _wrong(before) != []
    migrations.upgrade(before)
    assert _wrong(before) == []
