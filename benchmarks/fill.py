"""Users with projects and todos, put there by SQL as the app would have written them.

A todo is made from its number alone, so that each row knows its parent's id and how many subtasks
it has. Consecutive todos are of different projects: a user's rows are far from each other in the
table, as they are where many users write at the same time.
"""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
from sqlalchemy import make_url

from app.core.clock import new_id
from app.core.settings import Settings
from app.core.timezones import rules

# One of so many todos of a project is a subtask, of the one before it.
_FAMILY = 5

_USERS = """
INSERT INTO users (id, email, email_key, password_hash, timezone, locale, week_start, version,
    created_at, updated_at)
SELECT id, id || '@example.com', id || '@example.com', 'none', 'Europe/Berlin', 'de', 'monday', 1,
    now(), now()
FROM unnest($1::uuid[]) AS id
"""
# Whoever signed up has an Inbox, and nobody has two.
_PROJECTS = """
WITH new AS (
    INSERT INTO projects (id, depth, created_by, name, is_inbox, archived, position, version,
        created_at, updated_at)
    SELECT id, 1, owner, CASE WHEN n = 1 THEN 'Inbox' ELSE 'Project ' || n END, n = 1, false,
        lpad(to_hex(n), 14, '0'), 1, now(), now()
    FROM (
        SELECT owner, n, row_number() OVER () AS number
        FROM unnest($1::uuid[]) AS owner, generate_series(1, $2::int) AS n
    ) AS drawn JOIN unnest($3::uuid[]) WITH ORDINALITY AS given (id, number) USING (number)
    WHERE n > 1 OR NOT EXISTS (SELECT FROM projects WHERE created_by = owner AND is_inbox)
    RETURNING id, created_by, created_at
)
INSERT INTO project_members (user_id, project_id, role, created_at)
SELECT created_by, id, 'owner', created_at FROM new
"""
_PLACES = """
INSERT INTO places
SELECT row_number() OVER (ORDER BY md5(id::text)) - 1, id, created_by FROM projects
WHERE created_by = ANY($1::uuid[])
"""


def _created_at(number: str) -> str:
    """When: 10 million todos in 1,000 days, up to a day ago."""
    return (
        "date_trunc('milliseconds', date_trunc('day', now()) - interval '1001 days'"
        f" + ({number}) * interval '8.64 seconds')"
    )


def _id(number: str) -> str:
    """A UUIDv7, of the time that `_created_at` gives."""
    milliseconds = f"(extract(epoch FROM {_created_at(number)}) * 1000)::bigint"
    digits = f"md5(({number})::text)"
    return (
        f"(lpad(to_hex({milliseconds}), 12, '0') || '7' || left({digits}, 3) || '8'"
        f" || right({digits}, 15))::uuid"
    )


def _draw(kind: int, number: str = "n") -> str:
    """One of 0 to 7, as if by chance; another one for each kind."""
    return f"(hashint8extended({number}, {kind}) & 7)"


def _is_done(number: str) -> str:
    return f"({_draw(1, number)} < 6)"


_TODOS = f"""
INSERT INTO todos (id, project_id, parent_id, depth, created_by, title, title_key, title_words,
    description, description_words, priority, due_local, due_all_day, due_timezone, due_at,
    due_rules, position, subtask_count, completed_subtask_count, version, created_at, updated_at,
    completed_at)
WITH size AS (
    SELECT count(*) AS places FROM places
), numbered AS (
    SELECT generate_series($1::bigint, $1 + $2 * places - 1) AS n, places FROM size
), placed AS (
    SELECT n, numbered.places, project_id, created_by, {_id("n")} AS id,
        {_created_at("n")} AS created_at, (n - $1) / numbered.places % {_FAMILY} AS sibling,
        (n - $1) / numbered.places < $2 - 1 AS has_next,
        (ARRAY['Book', 'Call', 'Check', 'Clean', 'Find', 'Mend', 'Pack', 'Visit'])[1 + {_draw(2)}]
            || ' the ' || (ARRAY['attic', 'bicycle', 'dentist', 'garden', 'library', 'plumber',
            'tickets', 'train'])[1 + {_draw(3)}] || ' ' || n AS title,
        {_draw(4)} < 3 AS is_described, {_draw(5)} AS dueness,
        date_trunc('minute', {_created_at("n")} AT TIME ZONE 'UTC')
            + {_draw(6)} * interval '11 days 100 minutes' AS due
    FROM numbered JOIN places ON places.number = (n - $1) % numbered.places
), related AS (
    SELECT *, sibling = {_FAMILY - 1} AS is_subtask,
        sibling = {_FAMILY - 2} AND has_next AS is_parent,
        CASE WHEN {_is_done("n")} THEN created_at + {_draw(7)} * interval '3 hours' END
            AS completed_at
    FROM placed
)
SELECT id, project_id, CASE WHEN is_subtask THEN {_id("n - places")} END,
    1 + is_subtask::int, created_by, title, lower(title), lower(title),
    CASE WHEN is_described THEN 'From Hamburg, *before* noon.' END,
    CASE WHEN is_described THEN 'from hamburg before noon' END,
    {_draw(8)} % 5,
    CASE dueness WHEN 0 THEN date_trunc('day', due) WHEN 1 THEN due WHEN 2 THEN due END,
    dueness = 0,
    CASE dueness WHEN 2 THEN 'Europe/Berlin' END,
    CASE dueness WHEN 2 THEN due AT TIME ZONE 'Europe/Berlin' END,
    CASE dueness WHEN 2 THEN {rules("Europe/Berlin")} ELSE 0 END,
    lpad(n::text, 14, '0'), is_parent::int, (is_parent AND {_is_done("n + places")})::int,
    1 + is_parent::int + (completed_at IS NOT NULL)::int, created_at,
    coalesce(completed_at, created_at), completed_at
FROM related
"""
# What is made anew when the rows are there: foreign keys need the unique ones, and so are last.
_CONSTRAINTS = """
SELECT conrelid::regclass::text AS on_table, conname AS name,
    pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE (conrelid = 'todos'::regclass AND contype = 'u') OR (confrelid = 'todos'::regclass)
ORDER BY contype = 'f'
"""
_INDEXES = """
SELECT indexname AS name, indexdef AS definition FROM pg_indexes
WHERE tablename = 'todos' AND NOT EXISTS (
    SELECT FROM pg_constraint WHERE conrelid = 'todos'::regclass AND conname = indexname)
ORDER BY indexname
"""
# What a load may do without, since it is done again if the power fails.
_FOR_LOADS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "max_wal_size": "16GB",
    "checkpoint_timeout": "1h",
}
_OF_A_LOADER = {
    "synchronous_commit": "off",
    "session_replication_role": "replica",  # foreign keys are checked when they are made again
    "maintenance_work_mem": "1GB",
    "max_parallel_maintenance_workers": "2",
    "work_mem": "256MB",
    "jit": "off",
}


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the superuser's."""
    assert settings.database_url is not None
    url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
    database = await asyncpg.connect(url.render_as_string(hide_password=False))
    try:
        yield database
    finally:
        await database.close()


async def fill(
    database: asyncpg.Connection, owners: Sequence[UUID], *, projects: int, todos: int, first: int
) -> None:
    """Give each owner so many projects, with their Inbox, and so many todos in each of these.

    The todos are numbered from `first` on; no two may have the same number.
    """
    async with _loading(database):
        await add_todos(database, owners, projects=projects, todos=todos, first=first)
        await database.execute("VACUUM (ANALYZE) users, projects, project_members, todos")


async def add_todos(
    database: asyncpg.Connection, owners: Sequence[UUID], *, projects: int, todos: int, first: int
) -> None:
    """What `fill` adds, with PostgreSQL as it is."""
    await database.execute(
        "CREATE TEMP TABLE places (number bigint, project_id uuid, created_by uuid)"
    )
    ids = [new_id() for _ in range(len(owners) * projects)]
    await database.execute(_PROJECTS, owners, projects, ids)
    await database.execute(_PLACES, owners)
    await database.execute("ANALYZE places")
    async with _without_indexes(database):
        await database.execute(_TODOS, first, todos)
    await database.execute("DROP TABLE places")


async def add_users(database: asyncpg.Connection, number: int) -> list[UUID]:
    """Accounts that nobody can sign in to, without anything of their own."""
    ids = [new_id() for _ in range(number)]
    await database.execute(_USERS, ids)
    return ids


@asynccontextmanager
async def _without_indexes(database: asyncpg.Connection) -> AsyncIterator[None]:
    """All are made faster than they are kept; but for the primary key, which grows at its end."""
    indexes = await database.fetch(_INDEXES)
    constraints = await database.fetch(_CONSTRAINTS)
    for row in reversed(constraints):
        await database.execute(f"ALTER TABLE {row['on_table']} DROP CONSTRAINT {row['name']}")
    for row in indexes:
        await database.execute(f"DROP INDEX {row['name']}")
    yield
    for row in indexes:
        await database.execute(row["definition"])
    for row in constraints:
        await database.execute(
            f"ALTER TABLE {row['on_table']} ADD CONSTRAINT {row['name']} {row['definition']}"
        )


@asynccontextmanager
async def _loading(database: asyncpg.Connection) -> AsyncIterator[None]:
    """All cores and no durability for PostgreSQL; after it, what was written is on the disk."""
    # Workers are forked by the postmaster, and run where it may run.
    postmaster = int((await database.fetchval("SELECT pg_read_file('postmaster.pid')")).split()[0])
    cores = os.sched_getaffinity(postmaster)
    backend = await database.fetchval("SELECT pg_backend_pid()")
    for pid in (postmaster, backend):
        os.sched_setaffinity(pid, range(os.cpu_count() or 1))
    for name, value in _FOR_LOADS.items():
        await database.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    await database.execute("SELECT pg_reload_conf()")
    for name, value in _OF_A_LOADER.items():
        await database.execute(f"SET {name} = '{value}'")
    try:
        yield
    finally:
        await database.execute("RESET ALL")
        await database.execute("ALTER SYSTEM RESET ALL")
        await database.execute("SELECT pg_reload_conf()")
        await database.execute("CHECKPOINT")
        os.sync()
        for pid in (postmaster, backend):
            os.sched_setaffinity(pid, cores)
