"""200,000 todos put there by SQL: half of them are one person's, in 50 projects; most are done."""

from uuid import UUID

import asyncpg

from tests.people import Person

# Beside the Inbox, which stays empty. Some projects are much larger than others.
PROJECTS = 50
SHARED = 10

_PROJECTS = f"""
WITH new AS (
    INSERT INTO projects (id, depth, created_by, name, is_inbox, archived, position, version,
        created_at, updated_at)
    SELECT gen_random_uuid(), 1, CASE WHEN n <= {PROJECTS} THEN $1::uuid ELSE $2::uuid END,
        'Project ' || n, false, false, to_hex(n), 1, '2023-11-22Z', '2023-11-22Z'
    FROM generate_series(1, 20 * {PROJECTS}) AS n
    RETURNING id, created_by, name
)
INSERT INTO project_members (user_id, project_id, role, created_at)
SELECT created_by, id, 'owner', '2023-11-22Z'::timestamptz FROM new
UNION ALL
SELECT $3::uuid, id, 'editor', '2023-11-22Z' FROM new WHERE created_by = $1
AND substr(name, 9)::int % ({PROJECTS} / {SHARED}) = 0
"""

_TODOS = """
INSERT INTO todos (id, project_id, parent_id, depth, created_by, title, title_key, priority,
    due_local, due_timezone, due_all_day, due_at, position, subtask_count,
    completed_subtask_count, version, created_at, updated_at, completed_at)
WITH project AS (
    SELECT created_by, array_agg(id ORDER BY id) AS ids FROM projects WHERE NOT is_inbox
    GROUP BY created_by
), drawn AS (
    SELECT ids[1 + floor(cardinality(ids) * power(random(), 1.5))::int] AS project_id, created_by,
        '2026-11-22T09:00Z'::timestamptz - random() * interval '1000 days' AS created_at,
        random() AS r1, random() AS r2, random() AS r3, random() AS r4, n
    FROM project, generate_series(1, 100000) AS n
    WHERE created_by IN ($1, $2)
), dated AS (
    SELECT *, least(created_at + r1 * r1 * interval '90 days', '2026-11-22T09:00Z') AS changed_at,
        r2 > 0.1 + 0.5 * exp(-extract(epoch FROM '2026-11-22T09:00Z' - created_at) / 6e6)
            AS is_done,
        CASE WHEN r3 < 0.5 THEN
            date_trunc('minute', timezone('UTC', created_at) + r4 * interval '90 days')
        END AS due
    FROM drawn
), titled AS (
    SELECT *, CASE WHEN r4 < 0.1 THEN 'Water the plants'
        ELSE initcap(left(md5(n::text), 1 + n % 7)) || ' the train to ' || md5(r1::text)
        END AS title
    FROM dated
)
SELECT (lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0') || '7'
    || substr(md5(n::text || created_by), 1, 3) || '8' || substr(md5(n::text || created_by), 4, 15)
    )::uuid,
    project_id, NULL, 1, created_by, title, lower(title),
    CASE WHEN r1 < 0.6 THEN 0 WHEN r1 < 0.75 THEN 1 WHEN r1 < 0.87 THEN 2 WHEN r1 < 0.96 THEN 3
        ELSE 4 END,
    CASE WHEN r3 < 0.25 THEN date_trunc('day', due) ELSE due END,
    CASE WHEN r3 BETWEEN 0.25 AND 0.35 THEN 'Europe/Berlin' END,
    r3 < 0.25,
    CASE WHEN r3 BETWEEN 0.25 AND 0.35 THEN timezone('Europe/Berlin', due) END,
    lpad(to_hex(n), 8, '0'), 0, 0, 1, created_at, changed_at, CASE WHEN is_done THEN changed_at END
FROM titled
"""

# One in five is a subtask.
_SUBTASKS = """
WITH parent AS (
    SELECT project_id, min(id::text)::uuid AS id FROM todos
    GROUP BY project_id, date_trunc('month', created_at)
)
UPDATE todos SET parent_id = parent.id, depth = 2 FROM parent
WHERE todos.project_id = parent.project_id AND right(todos.id::text, 1) IN ('0', '5', 'a')
AND todos.id NOT IN (SELECT id FROM parent)
"""

_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = 'todos'::regclass AND NOT EXISTS (
    SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


async def load(database: asyncpg.Connection, owner: Person, member: Person, other: Person) -> None:
    """Todos of `owner`, of whose projects `member` shares some, and as many of `other`."""
    # Indexes are made faster than they are kept, and what is written here is consistent.
    indexes = await database.fetch(_INDEXES)
    for name, _ in indexes:
        await database.execute(f"DROP INDEX {name}")
    await database.execute("SET session_replication_role = replica; SELECT setseed(0.5)")
    await database.execute(_PROJECTS, owner.id, other.id, member.id)
    await database.execute(_TODOS, owner.id, other.id)
    await database.execute(_SUBTASKS)
    await database.execute("RESET session_replication_role")
    for _, definition in indexes:
        await database.execute(definition)
    await database.execute("VACUUM (ANALYZE) todos, projects, project_members, users")


async def largest_project(database: asyncpg.Connection, person: Person) -> UUID:
    """The one of a person's projects that has the most todos."""
    found: UUID = await database.fetchval(
        "SELECT project_id FROM todos JOIN project_members USING (project_id) WHERE user_id = $1 "
        "GROUP BY project_id ORDER BY count(*) DESC LIMIT 1",
        person.id,
    )
    return found
