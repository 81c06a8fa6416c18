"""Requests that wait for a lock: each is judged by what it finds when its turn comes."""

import asyncio
from collections.abc import Callable
from uuid import UUID

import asyncpg
import pytest
from httpx import Response

from tests.features.todos.trees import Answer, assert_consistent, create, delete, patch, read
from tests.locks import ends_or_waits_too, somebody_waits
from tests.people import Json, Person


async def _while(database: asyncpg.Connection, todo: Json, change: str, answer: Answer) -> Response:
    """The answer to a request that began before a change was there, and went on after it."""
    async with database.transaction():
        await database.execute(
            f"UPDATE todos SET {change}, version = version + 1 WHERE id = $1", UUID(todo["id"])
        )
        request = asyncio.create_task(answer)
        await somebody_waits(database)
    return await request


async def test_a_patch_that_waited_for_another_is_not_lost(
    ada: Person, database: asyncpg.Connection
) -> None:
    todo = await ada.make_todo("First")

    # When it begins, the title is what it asks for; when its turn comes, it is another.
    response = await _while(database, todo, "title = 'Second'", patch(ada, todo, title="First"))

    assert (response.json()["title"], response.json()["version"]) == ("First", 3)
    assert await read(ada, todo) == response.json()


async def test_a_subtask_that_waited_is_counted_by_what_is_there_by_then(
    ada: Person, database: asyncpg.Connection
) -> None:
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"])

    async with database.transaction():
        completed = "UPDATE todos SET completed_at = now() WHERE id = $1"
        await database.execute(completed, UUID(todo["id"]))
        counted = "UPDATE todos SET completed_subtask_count = 1 WHERE id = $1"
        await database.execute(counted, UUID(parent["id"]))
        reopening = asyncio.create_task(patch(ada, todo, completed=False))
        await somebody_waits(database)

    assert (await reopening).json()["completed"] is False
    assert (await read(ada, parent))["completed_subtask_count"] == 0


@pytest.mark.parametrize("write", [patch, delete])
async def test_a_write_that_waited_is_judged_by_what_it_then_finds(
    ada: Person, database: asyncpg.Connection, write: Callable[..., Answer]
) -> None:
    changed, deleted = await ada.make_todo(), await ada.make_todo()
    ada.client.headers["If-Match"] = '"1"'

    stale = await _while(database, changed, "title = 'Second'", write(ada, changed))
    late = await _while(database, deleted, "deleted_at = now()", write(ada, deleted))

    assert (stale.status_code, stale.headers["etag"]) == (412, '"2"')
    assert late.status_code == 404


async def test_no_subtask_is_added_to_a_tree_while_it_is_being_deleted(
    ada: Person, database: asyncpg.Connection
) -> None:
    root = await ada.make_todo()
    child = await ada.make_todo(parent_id=root["id"])

    async with database.transaction():
        await database.execute("SELECT FROM todos WHERE id = $1 FOR UPDATE", UUID(child["id"]))
        deleting = asyncio.create_task(delete(ada, root))
        await somebody_waits(database)
        creating = asyncio.create_task(create(ada, root))
        await ends_or_waits_too(database, creating)

    assert ((await deleting).status_code, (await creating).status_code) == (204, 404)
    await assert_consistent(database, ada)


@pytest.mark.parametrize("write", [lambda *of: patch(*of, completed=True), delete])
async def test_what_a_parent_does_not_count_is_not_done(
    ada: Person, database: asyncpg.Connection, write: Callable[..., Answer]
) -> None:
    project = await ada.make_project()
    parent = await ada.make_todo(project_id=project["id"])
    todo = await ada.make_todo(parent_id=parent["id"])

    async with database.transaction():
        await database.execute("SELECT FROM todos WHERE id = $1 FOR UPDATE", UUID(todo["id"]))
        request = asyncio.create_task(write(ada, todo))
        # It has found the todo in a project that is there.
        await somebody_waits(database)
        deleted = "UPDATE projects SET deleted_at = now() WHERE id = $1"
        await database.execute(deleted, UUID(project["id"]))

    assert (await request).status_code == 404
    stored = await database.fetchrow("SELECT * FROM todos WHERE id = $1", UUID(todo["id"]))
    assert stored is not None
    assert (stored["version"], stored["deleted_at"]) == (1, None)


async def test_a_stranger_waits_for_nobody_and_makes_nobody_wait(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    todo = await ada.make_todo()
    async with database.transaction():
        await database.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", todo["project_id"]
        )
        for response in (
            await bob.client.delete(f"/v1/todos/{todo['id']}"),
            await bob.client.post("/v1/todos", json={"title": "x", "parent_id": todo["id"]}),
            await bob.client.delete(f"/v1/projects/{todo['project_id']}"),
        ):
            assert response.status_code == 404
