"""The Inbox: the project that every account has, and keeps."""

from uuid import UUID

import asyncpg
import pytest

from tests.features.todos.changes import Log
from tests.people import Person


async def test_every_account_has_one_inbox_from_the_start(
    ada: Person, database: asyncpg.Connection
) -> None:
    [inbox] = (await ada.get("/v1/projects")).json()["items"]

    assert inbox["name"] == "Inbox"
    assert (inbox["is_inbox"], inbox["archived"], inbox["role"]) == (True, False, "owner")
    assert inbox["parent_id"] is None
    assert inbox["created_by"] == str(ada.id)
    with pytest.raises(asyncpg.UniqueViolationError):
        await database.execute(
            "UPDATE projects SET is_inbox = true WHERE id = $1",
            UUID((await ada.make_project())["id"]),
        )


async def test_it_is_made_by_the_sign_up(ada: Person, database: asyncpg.Connection) -> None:
    [change] = await Log(database, ada, "project").new()

    inbox = await ada.inbox()
    assert change["event"] == "project.created"
    assert change["resource_id"] == UUID(inbox["id"])
    del inbox["role"]
    assert change["row_after"] == inbox


async def test_it_takes_the_todos_that_name_no_project(ada: Person) -> None:
    await ada.make_project()

    assert (await ada.make_todo())["project_id"] == (await ada.inbox())["id"]


async def test_it_cannot_be_archived(ada: Person) -> None:
    inbox = await ada.inbox()

    for patch in ({"archived": True}, {"archived": True, "name": "Archive"}):
        response = await ada.client.patch(f"/v1/projects/{inbox['id']}", json=patch)
        assert (response.status_code, response.json()["code"]) == (409, "inbox_protected")
    assert await ada.inbox() == inbox


async def test_it_cannot_be_deleted(ada: Person, database: asyncpg.Connection) -> None:
    inbox, todo = await ada.inbox(), await ada.make_todo()
    log = Log(database, ada, "project")
    await log.new()

    response = await ada.client.delete(f"/v1/projects/{inbox['id']}")

    assert (response.status_code, response.json()["code"]) == (409, "inbox_protected")
    assert await ada.inbox() == inbox
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo
    assert await log.new() == []
    with pytest.raises(asyncpg.CheckViolationError):
        await database.execute(
            "UPDATE projects SET deleted_at = now() WHERE id = $1", UUID(inbox["id"])
        )


async def test_it_may_have_another_name(ada: Person) -> None:
    inbox = await ada.inbox()

    response = await ada.client.patch(
        f"/v1/projects/{inbox['id']}", json={"name": "Eingang", "archived": False}
    )

    assert (response.status_code, response.json()["name"]) == (200, "Eingang")
    assert (await ada.make_todo())["project_id"] == inbox["id"]
