"""Beside the end of an account nothing begins in its name, and what is under way ends first."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import Response

from app.core.settings import Settings
from tests.features.auth.tokens import refresh
from tests.locks import everybody_waits, somebody_waits
from tests.people import PASSWORD, Json, Person, share, sign_in, sign_up
from tests.web.operations import SECURED_OPERATIONS, Operation

ME = "/v1/users/me"
# A question that is asked by POST.
WRITES = [
    operation
    for operation in SECURED_OPERATIONS
    if operation.method != "GET" and operation.id != "introspect_token"
]


async def delete(person: Person) -> Response:
    return await person.client.request("DELETE", ME, json={"password": PASSWORD})


async def write(person: Person, operation: Operation) -> Response:
    """A valid request, of which the database would have to say what becomes of it."""
    path = operation.path.format_map(dict.fromkeys(operation.parameters("path"), str(uuid4())))
    body = None if operation.body is None else operation.example
    if operation.path == ME and operation.method == "DELETE":
        body = {"password": PASSWORD}
    if operation.id == "change_password":
        body = {"current": PASSWORD, "new": PASSWORD}
    return await person.client.request(operation.method, path, json=body)


@asynccontextmanager
async def ending(database: asyncpg.Connection, person: Person) -> AsyncIterator[None]:
    """The account's end, by somebody else, and not committed before the block ends."""
    async with database.transaction():
        await database.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", person.id)
        yield
        await database.execute("UPDATE users SET deleted_at = now() WHERE id = $1", person.id)


@pytest.mark.parametrize("operation", WRITES, ids=str)
async def test_no_write_that_waited_for_the_end_is_done(
    ada: Person, database: asyncpg.Connection, operation: Operation
) -> None:
    async with ending(database, ada):
        request = asyncio.create_task(write(ada, operation))
        await somebody_waits(database)
    response = await request
    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")
    said = "SELECT count(*) FROM changes WHERE actor_id = $1 AND resource_type <> 'project'"
    assert await database.fetchval(said, ada.id) == 0


async def test_under_a_key_nothing_is_claimed(ada: Person, database: asyncpg.Connection) -> None:
    async with ending(database, ada):
        ada.client.headers["Idempotency-Key"] = "one"
        request = asyncio.create_task(ada.client.post("/v1/todos", json={"title": "x"}))
        await somebody_waits(database)
    assert (await request).status_code == 401
    claims = "SELECT count(*) FROM idempotency_keys WHERE user_id = $1"
    assert await database.fetchval(claims, ada.id) == 0


async def test_the_end_waits_for_what_is_under_way(
    ada: Person, database: asyncpg.Connection
) -> None:
    """As a write holds the account, so that its project is found by the end."""
    async with database.transaction():
        await database.execute("SELECT FROM users WHERE id = $1 FOR KEY SHARE", ada.id)
        request = asyncio.create_task(delete(ada))
        await somebody_waits(database)
        project = await left_over_project(database, ada)
    assert (await request).status_code == 204
    assert await database.fetchval("SELECT deleted_at FROM projects WHERE id = $1", project)


@pytest.mark.parametrize(
    "held", ["SELECT FROM projects FOR UPDATE", "LOCK TABLE project_members IN SHARE MODE"]
)
async def test_two_members_who_leave_at_once_leave_all_to_the_third(
    app: FastAPI, ada: Person, bob: Person, database: asyncpg.Connection, held: str
) -> None:
    """Each inherits of the other, in projects whose order is that of neither.

    They wait for projects, or for the first one's memberships to go.
    """
    async with sign_up(app, "Carol") as carol:
        gardens = [await person.make_project() for person in (ada, bob, ada, bob)]
        for garden in gardens:
            for person in (ada, bob, carol):
                if garden["created_by"] != str(person.id):
                    await share(database, garden, person)
        ids = [UUID(garden["id"]) for garden in gardens]
        async with database.transaction():
            await database.execute(held)
            leaving = [asyncio.create_task(delete(person)) for person in (ada, bob)]
            await everybody_waits(database, 2)
        assert [(await request).status_code for request in leaving] == [204, 204]
        owners = "SELECT user_id FROM project_members WHERE project_id = ANY($1)"
        assert [row[0] for row in await database.fetch(owners, ids)] == [carol.id] * 4
        await carol.invalidate()
        for garden in gardens:
            assert (await carol.get(f"/v1/projects/{garden['id']}")).json()["role"] == "owner"


async def test_nothing_is_left_of_what_was_written_beside_it(
    settings: Settings, app: FastAPI, bob: Person, database: asyncpg.Connection
) -> None:
    shared = await bob.make_project()
    for _ in range(5):
        async with sign_up(app) as ada:
            await share(database, shared, ada)
            todo = await ada.make_todo(project_id=shared["id"])
            url = f"/v1/todos/{todo['id']}"
            # A session of its own: a token that is sent twice ends it.
            other = await sign_in(ada.client, ada.user["email"])
            calls: list[Callable[[], Awaitable[Response]]] = [
                lambda ada=ada: ada.client.post("/v1/projects", json={"name": "x"}),  # type: ignore[misc]
                lambda ada=ada: ada.client.post("/v1/todos", json={"title": "x"}),  # type: ignore[misc]
                lambda ada=ada, todo=todo: ada.client.post(  # type: ignore[misc]
                    "/v1/todos",
                    json={"title": "x", "parent_id": todo["id"]},
                    headers={"Idempotency-Key": uuid4().hex},
                ),
                lambda ada=ada, url=url: ada.client.patch(url, json={"title": uuid4().hex}),  # type: ignore[misc]
                lambda bob=bob, url=url: bob.client.patch(url, json={"title": uuid4().hex}),  # type: ignore[misc]
                lambda ada=ada: ada.client.patch(ME, json={"display_name": uuid4().hex}),  # type: ignore[misc]
                lambda ada=ada: ada.client.post(  # type: ignore[misc]
                    f"{ME}/password", json={"current": PASSWORD, "new": PASSWORD}
                ),
                lambda ada=ada: grant(ada),  # type: ignore[misc]
                lambda ada=ada, other=other: refresh(ada.client, other),  # type: ignore[misc]
                lambda ada=ada: ada.client.delete("/v1/sessions"),  # type: ignore[misc]
            ]
            writes = [asyncio.ensure_future(call()) for call in calls for _ in range(3)]
            deleting = asyncio.create_task(delete(ada))
            writes += [asyncio.ensure_future(call()) for call in calls for _ in range(3)]
            answers = await asyncio.gather(*writes)
            assert (await deleting).status_code == 204
            assert {answer.status_code for answer in answers} <= {200, 201, 204, 400, 401, 422}
            assert await remains(database, ada) == {}
    assert (await bob.get(f"/v1/projects/{shared['id']}")).json()["role"] == "owner"


async def test_todos_made_beside_it_are_counted_once(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    """By either of them, in a project that goes from the one to the other."""
    garden = await ada.make_project()
    await share(database, garden, bob)
    deleting = asyncio.create_task(delete(ada))

    async def create(person: Person) -> int:
        made = 0
        while not deleting.done():
            body = {"title": "x", "project_id": garden["id"]}
            made += (await person.client.post("/v1/todos", json=body)).status_code == 201
        return made

    made = sum(await asyncio.gather(*(create(person) for person in (ada, bob) * 3)))
    assert (await deleting).status_code == 204
    counts = "SELECT coalesce(sum(count), 0) FROM todo_counts WHERE owner_id = $1"
    held = [await database.fetchval(counts, person.id) for person in (ada, bob)]
    assert held == [0, made]
    rows = "SELECT count(*) FROM todos WHERE project_id = $1"
    assert await database.fetchval(rows, UUID(garden["id"])) == made


async def grant(person: Person) -> Response:
    form = {"grant_type": "password", "username": person.user["email"], "password": PASSWORD}
    return await person.client.post("/v1/oauth/token", data=form)


async def remains(database: asyncpg.Connection, person: Person) -> dict[str, int]:
    """What an account has that its end should not have left, how much of each."""
    counts = {
        "memberships": "project_members WHERE user_id = $1",
        "sessions": "sessions WHERE user_id = $1 AND (ended_at IS NULL OR network IS NOT NULL)",
        "answers": "idempotency_keys WHERE user_id = $1",
        "projects": "projects p WHERE created_by = $1 AND deleted_at IS NULL AND NOT EXISTS "
        "(SELECT FROM project_members WHERE project_id = p.id AND role = 'owner')",
    }
    found: dict[str, int] = {}
    for name, rows in counts.items():
        count: Any = await database.fetchval(f"SELECT count(*) FROM {rows}", person.id)
        if count:
            found[name] = count
    return found


async def left_over_project(
    database: asyncpg.Connection, person: Person, *, role: str | None = "owner"
) -> UUID:
    """A project as a write makes it that does not ask whether somebody still is."""
    project: UUID = await database.fetchval(
        "INSERT INTO projects (id, depth, created_by, name, is_inbox, archived, position, version, "
        "created_at, updated_at) VALUES (gen_random_uuid(), 1, $1, 'x', false, false, 'x', 1, "
        "now(), now()) RETURNING id",
        person.id,
    )
    await database.execute(
        "INSERT INTO todos (id, project_id, depth, created_by, title, title_key, priority, "
        "due_all_day, position, subtask_count, completed_subtask_count, version, created_at, "
        "updated_at) VALUES (gen_random_uuid(), $1, 1, $2, 'x', 'x', 0, false, 'x', 0, 0, 1, "
        "now(), now())",
        project,
        person.id,
    )
    if role is not None:
        await member(database, project, person, role)
    return project


async def member(
    database: asyncpg.Connection, project: UUID, person: Person, role: str = "editor"
) -> None:
    row: Json = {"id": str(project)}
    await share(database, row, person, role)
