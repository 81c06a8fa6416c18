"""Rows of somebody's, many or large ones; copied by SQL, since that takes less long."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from app.core.clock import utc_now
from tests.people import Person, another, invite

# What fills tells the ids that its path then names, if it has parameters.
Fill = Callable[[asyncpg.Connection, Person, int], Awaitable[dict[str, str] | None]]

_COLUMNS = """
SELECT string_agg(quote_ident(column_name), ', ')
FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER'
"""
# Each as large as one may be.
_LARGE_TODO = {"title": "\u00e9" * 500, "description": '\u884c"' * 25_000}
_LARGE_PROJECT = {"name": '"\u884c' * 100, "color": "#ffffff"}
_POSITION = "'n' || n"


async def copy(
    database: asyncpg.Connection, table: str, original: object, count: int, **changes: str
) -> None:
    """Copies of a row, which differ in their ids and these columns: SQL, in which `n` counts."""
    columns = await database.fetchval(_COLUMNS, table)
    changed = {"id": "gen_random_uuid()", **changes}
    pairs = ", ".join(f"'{name}', {sql}" for name, sql in changed.items())
    await database.execute(
        f"WITH copy AS (SELECT (jsonb_populate_record(t, jsonb_build_object({pairs}))).* "
        f"FROM {table} AS t, generate_series(1, $2) AS n WHERE t.id = $1) "
        f"INSERT INTO {table} ({columns}) SELECT {columns} FROM copy",
        UUID(str(original)),
        count,
    )


async def todos(database: asyncpg.Connection, person: Person, count: int, **fields: Any) -> None:
    """Of one project, or of one parent."""
    original = await person.make_todo(**fields)
    await copy(database, "todos", original["id"], count - 1, position=_POSITION)


async def projects(database: asyncpg.Connection, person: Person, count: int, **fields: Any) -> None:
    """Of somebody's, or right below one of them."""
    original = await person.make_project(**fields)
    await copy(database, "projects", original["id"], count - 1, position=_POSITION)
    await database.execute(
        "INSERT INTO project_members (project_id, user_id, role, created_at) "
        "SELECT id, created_by, 'owner', created_at FROM projects WHERE created_by = $1 "
        "ON CONFLICT DO NOTHING",
        person.id,
    )


async def labels(database: asyncpg.Connection, person: Person, count: int) -> None:
    """Of somebody's, each with a name as long as one may be."""
    original = await person.make_label()
    name = "lpad(n::text, 60, '\u884c')"
    await copy(database, "labels", original["id"], count - 1, name=name, name_key=name)


async def sessions(database: asyncpg.Connection, person: Person, count: int) -> None:
    """Of somebody's, each with a refresh token."""
    original = (await person.make_session())["id"]
    token = await database.fetchval(
        "SELECT id FROM refresh_tokens WHERE session_id = $1", UUID(original)
    )
    copied = f"md5('{original}' || n)::uuid"
    await copy(database, "sessions", original, count - 1, id=copied)
    await copy(
        database,
        "refresh_tokens",
        token,
        count - 1,
        session_id=copied,
        token_hash=r"'\x' || encode(sha256(gen_random_uuid()::text::bytea), 'hex')",
    )


async def _completions(database: asyncpg.Connection, person: Person, count: int) -> dict[str, str]:
    """Of a todo that repeats."""
    todo = await person.make_todo(
        due={"date": "2026-11-30"}, recurrence={"rrule": "FREQ=DAILY", "repeat_from": "due"}
    )
    url = f"/v1/todos/{todo['id']}/completions"
    made = (await person.client.post(url, json={"occurrence": todo["due"]})).json()["completion"]
    await copy(database, "completions", made["id"], count - 1, todo_version="1000 + n")
    return {"todo_id": todo["id"]}


_CHANGES = """
INSERT INTO changes (resource_type, resource_id, project_id, actor_id, request_id, event, changed,
    row_after, created_at)
SELECT resource_type, resource_id, project_id, actor_id, request_id, event, changed, row_after,
    created_at
FROM (SELECT * FROM changes WHERE resource_id = $1 ORDER BY id DESC LIMIT 1) AS c,
    generate_series(1, $2)
"""


async def _large_changes(
    database: asyncpg.Connection, person: Person, count: int
) -> dict[str, str]:
    """Of one todo, each from one text as long as may be to another."""
    todo = await person.make_todo(**_LARGE_TODO)
    other = {"description": '"\u884c' * 25_000}
    assert (await person.client.patch(f"/v1/todos/{todo['id']}", json=other)).is_success
    await database.execute(_CHANGES, UUID(todo["id"]), count - 2)
    return {"todo_id": todo["id"], "project_id": todo["project_id"]}


async def _large_comments(
    database: asyncpg.Connection, person: Person, count: int
) -> dict[str, str]:
    """On one todo, each as long as one may be."""
    todo = await person.make_todo()
    original = await person.make_comment(todo, '\u884c"' * 5_000)
    await copy(database, "comments", original["id"], count - 1)
    return {"todo_id": todo["id"]}


async def _occurrences(_: asyncpg.Connection, person: Person, _count: int) -> dict[str, str]:
    """Of a todo that seldom repeats."""
    rule = "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=MO"
    todo = await person.make_todo(
        due={"date": "2026-11-30"}, recurrence={"rrule": rule, "repeat_from": "due"}
    )
    return {"todo_id": todo["id"]}


async def _large_todos(database: asyncpg.Connection, person: Person, count: int) -> None:
    await todos(database, person, count, **_LARGE_TODO)


def _large_todos_due(days: int) -> Fill:
    async def fill(database: asyncpg.Connection, person: Person, count: int) -> None:
        due = {"date": f"{utc_now().date() + timedelta(days=days)}"}
        await todos(database, person, count, **_LARGE_TODO, due=due)

    return fill


async def _large_projects(database: asyncpg.Connection, person: Person, count: int) -> None:
    await projects(database, person, count, **_LARGE_PROJECT)


async def trash(database: asyncpg.Connection, person: Person, count: int) -> None:
    """Todos in the trash, each deleted itself, with as much text as a title may have."""
    todo = await person.make_todo("\u884c" * 500)
    assert (await person.client.delete(f"/v1/todos/{todo['id']}")).status_code == 204
    await copy(database, "todos", todo["id"], count - 1, position=_POSITION)
    await database.execute("UPDATE todos SET deletion_id = id WHERE created_by = $1", person.id)


async def _members(database: asyncpg.Connection, person: Person, count: int) -> dict[str, str]:
    """Of a project, each with names as long as they may be."""
    project = await person.make_project()
    await copy(
        database,
        "users",
        person.id,
        count,
        email="lpad(n::text, 240, 'x') || '@' || gen_random_uuid()",
        email_key="gen_random_uuid()::text",
        display_name="lpad(n::text, 100, '\u884c')",
        locale=f"'{project['id'][:35]}'",
    )
    await database.execute(
        "INSERT INTO project_members (project_id, user_id, role, created_at) "
        "SELECT $1, id, 'editor', now() FROM users WHERE locale = left($1::uuid::text, 35)",
        UUID(project["id"]),
    )
    return {"project_id": project["id"]}


async def _invitations(database: asyncpg.Connection, person: Person, count: int) -> dict[str, str]:
    """To a project, or of somebody else's."""
    project = await person.make_project()
    made = await invite(person, project, "grace@example.com")
    await copy(
        database,
        "invitations",
        made["id"],
        count - 1,
        email_key="n || '@example.com'",
        email="lpad(n::text, 240, 'x') || '@example.com'",
        token_hash=r"'\x' || encode(sha256(gen_random_uuid()::text::bytea), 'hex')",
    )
    return {"project_id": project["id"]}


async def _own_invitations(database: asyncpg.Connection, person: Person, count: int) -> None:
    """To as many projects."""
    async with another(person) as inviter:
        project = await inviter.make_project("\u884c" * 200)
        made = await invite(inviter, project, person.user["email"])
        changed = "md5(n || '" + project["id"] + "')::uuid"
        await copy(database, "projects", project["id"], count - 1, id=changed)
        await copy(
            database,
            "invitations",
            made["id"],
            count - 1,
            project_id=changed,
            token_hash=r"'\x' || encode(sha256(gen_random_uuid()::text::bytea), 'hex')",
        )


# What there is to list, by the operation that does.
LISTED: Mapping[str, Fill] = {
    "list_todos": _large_todos,
    "list_counts": projects,
    "list_today": _large_todos_due(-3),
    "list_upcoming": _large_todos_due(3),
    "list_overdue": _large_todos_due(-3),
    "list_projects": _large_projects,
    "list_labels": labels,
    "list_trash": trash,
    "list_members": _members,
    "list_project_invitations": _invitations,
    "list_invitations": _own_invitations,
    "list_todo_activity": _large_changes,
    "list_project_activity": _large_changes,
    "list_comments": _large_comments,
    "list_completions": _completions,
    "list_occurrences": _occurrences,
    "list_sessions": sessions,
}
