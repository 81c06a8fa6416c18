"""A purged project takes all in it along, and all that was said in it."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from app.core.settings import Settings
from tests.features.trash.trashing import (
    purge,
    purge_in_batches,
    read,
    restore,
    told,
    trash,
)
from tests.features.users.test_purge import found
from tests.people import Person, join


async def test_who_its_members_were_is_gone_with_a_project(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    await join(ada, project, bob, "viewer")
    said = "SELECT count(*) FROM changes WHERE project_id = $1 AND resource_type = 'member'"
    left = f"{said} AND row_after <> 'null'"
    assert await database.fetchval(left, UUID(project["id"])) == 1
    await trash(ada, project)
    await purge(ada, project)
    assert await database.fetchval(left, UUID(project["id"])) == 0
    assert await database.fetchval(said, UUID(project["id"])) == 1


async def test_a_project_goes_with_all_in_it(ada: Person, database: asyncpg.Connection) -> None:
    canary = uuid4().hex
    garden = await ada.make_project(canary)
    shed = await ada.make_project(f"{canary} below", parent_id=garden["id"])
    todos = [await ada.make_todo(canary, project_id=place["id"]) for place in (garden, shed)]
    todos.append(await ada.make_todo(canary, parent_id=todos[0]["id"]))
    await trash(ada, garden)
    await purge(ada, garden)
    assert await found(database, canary) == set()
    for row in (garden, shed):
        [*_, (event, _, _)] = await told(database, row)
        assert event == "project.purged"
    for todo in todos:
        # The project's event tells it.
        assert [event for event, _, _ in await told(database, todo)][-1] != "todo.purged"
        again = await ada.client.post("/v1/todos", json={"id": todo["id"], "title": "New"})
        assert again.status_code == 409
    members = "SELECT count(*) FROM project_members WHERE project_id = $1"
    assert await database.fetchval(members, UUID(garden["id"])) == 0


async def test_what_was_said_there_of_todos_that_left_goes_too(
    ada: Person, database: asyncpg.Connection
) -> None:
    canary = uuid4().hex
    garden = await ada.make_project()
    todo = await ada.make_todo(canary, project_id=garden["id"])
    stays = await ada.make_todo("Stays")
    place = {"after": stays["id"]}
    assert (await ada.client.post(f"/v1/todos/{todo['id']}/move", json=place)).is_success
    title = {"title": "Another one"}
    assert (await ada.client.patch(f"/v1/todos/{todo['id']}", json=title)).is_success
    moved = await read(ada, todo)
    await trash(ada, garden)
    await purge(ada, garden)
    # What is said where it is by now stays: it came, and got another title.
    said = await told(database, todo)
    assert [event for event, _, after in said if canary in after] == ["todo.moved"]
    assert sum(canary in changed for _, changed, _ in said) == 1
    assert [after for event, _, after in said if event == "todo.created"] == ["null"]
    assert await read(ada, todo) == moved


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
async def test_what_was_said_there_of_comments_and_of_what_went_along_goes_too(
    settings: Settings, ada: Person, database: asyncpg.Connection, batch: int
) -> None:
    """A subtask in the trash goes with its parent, and no change says so."""
    canary = uuid4().hex
    garden = await ada.make_project(canary)
    todo = await ada.make_todo("Todo", project_id=garden["id"])
    below = await ada.make_todo(canary, parent_id=todo["id"])
    comment = await ada.make_comment(todo, canary)
    await trash(ada, below)
    stays = await ada.make_todo("Stays")
    place = {"after": stays["id"]}
    assert (await ada.client.post(f"/v1/todos/{todo['id']}/move", json=place)).is_success
    await trash(ada, garden)
    await purge_in_batches(settings, garden, batch)
    said = "SELECT event FROM changes WHERE project_id = $1 AND changes::text LIKE '%' || $2 || '%'"
    assert await database.fetch(said, UUID(garden["id"]), canary) == []
    [read_there] = await ada.walk(f"/v1/todos/{todo['id']}/comments")
    assert read_there == comment
    assert (await restore(ada, below))["title"] == canary
    # What happened there is still told.
    happened = "SELECT DISTINCT event FROM changes WHERE project_id = $1 ORDER BY event"
    assert [event for (event,) in await database.fetch(happened, UUID(garden["id"]))] == [
        *("comment.created", "project.created", "project.purged", "project.trashed"),
        *("todo.created", "todo.moved", "todo.trashed", "todo.updated"),
    ]
