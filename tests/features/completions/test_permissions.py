"""Completions are of who sees the todo, and are made by who may edit it."""

from uuid import UUID

import asyncpg
import pytest
from httpx import Response

from app.core.settings import Settings
from app.database.unit_of_work import Database
from app.features.todos.purge import purge_todos
from tests.features.completions.repeating import complete, completed, day, done, make, read
from tests.features.completions.repeating import take_back as taken_back
from tests.people import Json, Person, share

DAY = day("2026-11-30")


async def _each(person: Person, todo: Json, completion: Json) -> list[Response]:
    url = f"/v1/todos/{todo['id']}"
    return [
        await person.get(f"{url}/completions"),
        await person.get(f"{url}/occurrences"),
        await complete(person, todo),
        await taken_back(person, todo, completion),
    ]


async def test_anothers_are_404(ada: Person, bob: Person) -> None:
    todo = await make(ada, DAY)
    completion, after = await completed(ada, todo)

    answers = await _each(bob, after, completion)

    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
        (404, "not_found")
    }
    assert await read(ada, todo) == after


async def test_a_viewer_reads_and_completes_nothing(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    await share(database, project, bob, "viewer")
    todo = await make(ada, DAY, project_id=project["id"])
    completion, after = await completed(ada, todo)

    listed, told, made, back = await _each(bob, after, completion)

    assert listed.json()["items"] == [completion]
    assert told.json()["items"][0] == after["due"]
    assert [made.status_code, back.status_code] == [403, 403]
    assert [made.json()["code"], back.json()["code"]] == ["forbidden", "forbidden"]


async def test_an_archived_project_is_read_only(ada: Person) -> None:
    project = await ada.make_project()
    todo = await make(ada, DAY, project_id=project["id"])
    completion, after = await completed(ada, todo)
    await ada.client.patch(f"/v1/projects/{project['id']}", json={"archived": True})

    _, _, made, back = await _each(ada, after, completion)

    assert [made.json()["code"], back.json()["code"]] == ["project_archived"] * 2
    assert await done(ada, todo) == [DAY]


async def test_an_editor_completes_in_its_own_name(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    await share(database, project, bob)
    todo = await make(ada, DAY, project_id=project["id"])

    completion, _ = await completed(bob, todo)

    assert completion["completed_by"] == bob.user["id"]
    assert (await taken_back(ada, todo, completion)).status_code == 204


async def test_of_a_deleted_todo_there_are_none(ada: Person) -> None:
    todo = await make(ada, DAY)
    completion, after = await completed(ada, todo)
    await ada.client.delete(f"/v1/todos/{todo['id']}")

    assert {answer.status_code for answer in await _each(ada, after, completion)} == {404}


@pytest.mark.parametrize("value", [None, {}, {"date": "2026-13-01"}, "2026-11-30"])
async def test_an_occurrence_is_a_due(ada: Person, value: object) -> None:
    todo = await make(ada, DAY)
    response = await ada.client.post(
        f"/v1/todos/{todo['id']}/completions", json={"occurrence": value}
    )
    assert (response.status_code, response.json()["code"]) == (422, "validation_failed")
    assert await done(ada, todo) == []


async def test_they_are_purged_with_their_todo(
    settings: Settings, ada: Person, database: asyncpg.Connection
) -> None:
    todo, inbox = await make(ada, DAY), await ada.inbox()
    await completed(ada, todo)
    of_todo = "SELECT count(*) FROM completions WHERE todo_id = $1"
    assert await database.fetchval(of_todo, UUID(todo["id"])) == 1

    base = Database(settings)
    assert await purge_todos(base, UUID(inbox["id"])) == 1
    await base.close()

    assert await database.fetchval(of_todo, UUID(todo["id"])) == 0
