"""What an account that was deleted wrote is in no table any more once it was swept."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import FastAPI

from app.core.clock import Now, utc_now
from app.core.settings import Settings
from app.database.unit_of_work import Database
from app.features.projects.purge import memberless_projects, purge_project
from app.features.todos.purge import purge_todos
from app.sweeps import SWEEPS
from tests.apps import client_of, running
from tests.people import PASSWORD, Json, Person, share

ME = "/v1/users/me"


async def delete(person: Person, **headers: str) -> None:
    response = await person.client.request(
        "DELETE", ME, json={"password": PASSWORD}, headers=headers
    )
    assert response.status_code == 204


def in_an_hour() -> datetime:
    return utc_now() + timedelta(hours=1)


async def sweep(settings: Settings, now: Now = in_an_hour) -> int:
    database = Database(settings)
    try:
        await SWEEPS["labels of deleted accounts"](database, settings, now)
        return await SWEEPS["projects of deleted accounts"](database, settings, now)
    finally:
        await database.close()


async def found(database: asyncpg.Connection, text: str) -> set[str]:
    """The tables in which some row has this, as text or in what is kept as bytes."""
    tables = await database.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
    )
    assert len(tables) >= 8
    hits = set()
    for (table,) in tables:
        like = "t::text LIKE '%' || $1 || '%'"
        if table == "idempotency_keys":
            like += " OR position(convert_to($1, 'UTF8') IN body) > 0"
        if await database.fetchval(f'SELECT EXISTS (SELECT FROM "{table}" t WHERE {like})', text):
            hits.add(table)
    return hits


async def write_everywhere(person: Person, canary: str) -> None:
    """Projects within projects, subtasks, changes, what is deleted, and answers that are kept."""

    async def send(method: str, url: str, **body: Any) -> Json:
        headers = {"Idempotency-Key": f"{method} {url} {uuid4()}"}
        response = await person.client.request(method, url, json=body or None, headers=headers)
        assert response.is_success, response.text
        made: Json = response.json() if response.content else {}
        return made

    await send("PATCH", ME, display_name=canary)
    todo = await send("POST", "/v1/todos", title=canary, description=canary)
    below = await send("POST", "/v1/todos", title=canary, parent_id=todo["id"])
    await send("PATCH", f"/v1/todos/{below['id']}", title=f"{canary} again")
    project = await send("POST", "/v1/projects", name=canary)
    shed = await send("POST", "/v1/projects", name=canary, parent_id=project["id"])
    for place in (project, shed):
        await send("POST", "/v1/todos", title=canary, project_id=place["id"])
    gone = await send("POST", "/v1/todos", title=canary)
    await send("DELETE", f"/v1/todos/{gone['id']}")
    for place in (todo, below):
        comments = f"/v1/todos/{place['id']}/comments"
        comment = await send("POST", comments, body=canary)
        await send("PATCH", f"{comments}/{comment['id']}", body=f"{canary} again")
    await send("DELETE", f"{comments}/{comment['id']}")
    label = await send("POST", "/v1/labels", name=canary)
    await send("PATCH", f"/v1/labels/{label['id']}", name=f"{canary} again")
    await send("POST", "/v1/todos", title=canary, labels=[canary, f"{canary} again"])
    await send("DELETE", f"/v1/labels/{label['id']}")
    trashed = await send("POST", "/v1/projects", name=canary)
    await send("POST", "/v1/todos", title=canary, project_id=trashed["id"])
    await send("DELETE", f"/v1/projects/{trashed['id']}")


async def test_nothing_is_left_in_any_table(
    settings: Settings, ada: Person, database: asyncpg.Connection
) -> None:
    canary = uuid4().hex
    await write_everywhere(ada, canary)
    assert await found(database, canary) == {
        "changes",
        "comments",
        "idempotency_keys",
        "labels",
        "projects",
        "todos",
        "users",
    }
    await delete(ada)
    # At once what says who it was, and with the next sweep what nobody sees any more.
    assert await found(database, canary) == {
        "changes", "comments", "labels", "projects", "todos",
    }  # fmt: skip
    assert await found(database, ada.user["email"]) == set()
    assert await sweep(settings) >= 4
    assert await found(database, canary) == set()
    left = "SELECT count(*) FROM labels WHERE owner_id = $1"
    assert await database.fetchval(left, ada.id) == 0
    left = "SELECT count(*) FROM projects WHERE created_by = $1"
    assert await database.fetchval(left, ada.id) == 0
    # The answers that were kept are deleted with their keys, which a client may have made of names.
    left = "SELECT count(*) FROM idempotency_keys WHERE user_id = $1"
    assert await database.fetchval(left, ada.id) == 0


async def test_what_was_under_way_may_end_first(settings: Settings, ada: Person) -> None:
    inbox = UUID((await ada.inbox())["id"])
    await delete(ada)
    database = Database(settings)
    assert inbox not in await memberless_projects(database, utc_now)
    assert inbox in await memberless_projects(database, lambda: utc_now() + timedelta(minutes=2))
    await database.close()


async def test_nobody_elses_is_touched(
    settings: Settings, ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    """Neither what is shared, deleted or not, nor what somebody deleted who is still there."""
    shared, trashed = [await ada.make_project(name) for name in ("Shared", "Trashed")]
    mine = await bob.make_project("Mine")
    todos = []
    for project in (shared, trashed):
        await share(database, project, bob)
        todos.append(await ada.make_todo(project_id=project["id"]))
    todos.append(await bob.make_todo(project_id=mine["id"]))
    await ada.client.delete(f"/v1/projects/{trashed['id']}")
    await bob.client.delete(f"/v1/projects/{mine['id']}")
    ids = [UUID(row["id"]) for row in (shared, trashed, mine, *todos)]
    said = "SELECT count(*) FROM changes WHERE resource_id = ANY($1)"
    changes = await database.fetchval(said, ids)
    await delete(ada)
    await sweep(settings)

    rows = "SELECT (SELECT count(*) FROM {} WHERE id = ANY($1))"
    assert await database.fetchval(rows.format("projects"), ids) == 3
    assert await database.fetchval(rows.format("todos"), ids) == 3
    # That the one was handed over is told of its new owner.
    assert await database.fetchval(said, ids) == changes
    assert (await bob.get(f"/v1/todos/{todos[0]['id']}")).json() == todos[0]


async def test_what_was_said_of_todos_that_moved_goes_too(
    settings: Settings, ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    shared = await bob.make_project()
    await share(database, shared, ada)
    went_to, came_from = uuid4().hex, uuid4().hex
    given = [await ada.make_todo(went_to) for _ in range(3)]
    for todo in given:
        await ada.make_todo(went_to, parent_id=todo["id"])
    taken = await ada.make_todo(came_from, project_id=shared["id"])
    kept = await ada.make_todo("kept", project_id=shared["id"])
    for todo in given:
        children = (await ada.get(f"/v1/todos?parent_id={todo['id']}")).json()["items"]
        for each in (todo, *children):
            renamed = await ada.client.patch(f"/v1/todos/{each['id']}", json={"title": "Plain"})
            assert renamed.status_code == 200
    inbox = (await ada.inbox())["id"]
    for todo, project_id in ((taken, inbox), *((todo, shared["id"]) for todo in given)):
        place = {"last": True, "project_id": project_id}
        moved = await ada.client.post(f"/v1/todos/{todo['id']}/move", json=place)
        assert moved.status_code == 200
    there = await bob.walk("/v1/todos", project_id=shared["id"])
    said = (
        "SELECT count(*) FROM changes WHERE project_id = $1 AND resource_id <> $2 "
        "AND resource_type <> 'member'"
    )
    before = await database.fetchval(said, UUID(shared["id"]), UUID(taken["id"]))

    await delete(ada)
    await sweep(settings)

    assert [await found(database, text) for text in (went_to, came_from)] == [set(), set()]
    assert "kept" in {todo["title"] for todo in there}
    assert await bob.walk("/v1/todos", project_id=shared["id"]) == there
    # What is said of what is there stays, and that the other one left.
    assert await database.fetchval(said, UUID(shared["id"]), UUID(taken["id"])) == before
    left = await database.fetch(
        "SELECT event, changed, row_after FROM changes WHERE resource_id = $1", UUID(taken["id"])
    )
    assert [row["event"] for row in left] == ["todo.moved"]
    assert kept["id"] in {todo["id"] for todo in there}


@pytest.mark.parametrize("batch", [1, 2, 100])
async def test_nothing_is_left_that_was_said_in_a_project(
    settings: Settings, ada: Person, database: asyncpg.Connection, batch: int
) -> None:
    """Of comments on a todo that left it, of what went along in the trash, of what was purged."""
    garden, shed = [await ada.make_project() for _ in range(2)]
    todo, purged = [await ada.make_todo(project_id=garden["id"]) for _ in range(2)]
    below = await ada.make_todo(parent_id=todo["id"])
    await ada.make_comment(todo)
    for url in (f"todos/{below['id']}", f"todos/{purged['id']}", f"trash/{purged['id']}"):
        assert (await ada.client.delete(f"/v1/{url}")).status_code == 204
    place = {"last": True, "project_id": shed["id"]}
    assert (await ada.client.post(f"/v1/todos/{todo['id']}/move", json=place)).is_success
    said = "SELECT count(*) FROM changes WHERE project_id = $1"
    elsewhere = await database.fetchval(said, UUID(shed["id"]))
    end = "DELETE FROM project_members WHERE project_id = $1"
    await database.execute(end, UUID(garden["id"]))
    base = Database(settings)
    await purge_todos(base, UUID(garden["id"]), batch)
    assert await purge_project(base, UUID(garden["id"]), batch) == 1
    await base.close()
    assert await database.fetchval(said, UUID(garden["id"])) == 0
    assert await database.fetchval(said, UUID(shed["id"])) == elsewhere


async def test_above_one_that_is_shared_a_row_without_a_name_stays(
    settings: Settings, ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    canary = uuid4().hex
    garden = await ada.make_project(canary, color="#aabbcc")
    shed = await ada.make_project(parent_id=garden["id"])
    await share(database, shed, bob)
    await ada.make_todo(canary, project_id=garden["id"])
    await delete(ada)
    for _ in range(2):
        await sweep(settings)
        row = await database.fetchrow(
            "SELECT name, color FROM projects WHERE id = $1", UUID(garden["id"])
        )
        assert row is not None
        assert tuple(row) == ("", None)
        assert await found(database, canary) == set()
    assert (await bob.get(f"/v1/projects/{shed['id']}")).json()["parent_id"] == garden["id"]

    await delete(bob)
    await sweep(settings)
    left = "SELECT count(*) FROM projects WHERE id = ANY($1)"
    assert await database.fetchval(left, [UUID(garden["id"]), UUID(shed["id"])]) == 0


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
async def test_some_at_a_time(
    settings: Settings, ada: Person, database: asyncpg.Connection, batch: int
) -> None:
    inbox = UUID((await ada.inbox())["id"])
    for _ in range(2):
        parent = None
        for _ in range(3):
            parent = (await ada.make_todo(parent_id=parent))["id"]
    base = Database(settings)
    assert await purge_todos(base, inbox, batch) == 6
    assert await purge_todos(base, inbox, batch) == 0
    await base.close()
    assert await database.fetchval("SELECT count(*) FROM todos WHERE project_id = $1", inbox) == 0


async def test_under_a_key_ends_the_key_too(
    settings: Settings, app: FastAPI, ada: Person, database: asyncpg.Connection
) -> None:
    """Sent again it is refused as without a key, also by a process that takes the token yet."""
    async with running(settings) as elsewhere:
        access = ada.tokens["access_token"]
        async with client_of(elsewhere, access) as late:
            assert (await late.get(ME)).status_code == 200
            await delete(ada, **{"Idempotency-Key": "last"})
            sent: Any = {"json": {"password": PASSWORD}, "headers": {"Idempotency-Key": "last"}}
            again = await late.request("DELETE", ME, **sent)
            assert again.status_code == 401
        async with client_of(app, access) as same:
            assert (await same.request("DELETE", ME, **sent)).status_code == 401
    count = "SELECT count(*) FROM idempotency_keys WHERE user_id = $1"
    assert await database.fetchval(count, ada.id) == 0
