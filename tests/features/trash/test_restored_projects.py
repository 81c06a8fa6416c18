"""A restored project is as it was, with all that is in it."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from tests.features.trash.trashing import (
    events,
    is_there,
    lasting,
    purge,
    read,
    restore,
    trash,
    trashed,
)
from tests.people import Person


async def test_it_comes_back_as_it_was_with_all_in_it(ada: Person) -> None:
    _, garden, _ = [await ada.make_project(name) for name in ("First", "Garden", "Last")]
    shed = await ada.make_project("Shed", parent_id=garden["id"])
    todos = [await ada.make_todo(project_id=place["id"]) for place in (garden, shed)]
    todos.append(await ada.make_todo(parent_id=todos[0]["id"]))
    before = [await read(ada, row) for row in (garden, shed)]
    in_order = await ada.walk("/v1/projects", parent_id="none", sort="position")
    kept = [await read(ada, todo) for todo in todos]
    await trash(ada, garden)
    assert await trashed(ada) == [garden["id"]]
    assert not [row for row in (shed, *todos) if await is_there(ada, row)]

    await restore(ada, garden)
    assert [lasting(await read(ada, row)) for row in (garden, shed)] == [*map(lasting, before)]
    # Nothing was written to them.
    assert [await read(ada, todo) for todo in todos] == kept
    listed = await ada.walk("/v1/projects", parent_id="none", sort="position")
    assert [row["id"] for row in listed] == [row["id"] for row in in_order]


async def test_what_its_deletion_took_comes_back_and_no_more(ada: Person) -> None:
    garden = await ada.make_project("Garden")
    shed, pond = [await ada.make_project(name, parent_id=garden["id"]) for name in ("Shed", "Pond")]
    fish = await ada.make_project("Fish", parent_id=pond["id"])
    todo = await ada.make_todo(project_id=garden["id"])
    await trash(ada, pond, todo, garden)
    assert await trashed(ada) == [garden["id"], todo["id"], pond["id"]]
    await restore(ada, garden)
    there = [await is_there(ada, row) for row in (garden, shed, pond, fish, todo)]
    assert there == [True, True, False, False, False]
    assert (await restore(ada, pond))["parent_id"] == garden["id"]
    assert lasting(await read(ada, fish)) == lasting(fish)
    assert lasting(await restore(ada, todo)) == lasting(todo)


@pytest.mark.parametrize("is_gone", ["trashed", "purged"])
async def test_without_the_one_above_it_comes_to_the_top_level(ada: Person, is_gone: str) -> None:
    garden = await ada.make_project("Garden")
    shed = await ada.make_project("Shed", parent_id=garden["id"])
    shelf, box = [await ada.make_project(name, parent_id=shed["id"]) for name in ("Shelf", "Box")]
    todo = await ada.make_todo(project_id=shelf["id"])
    await trash(ada, box, shed, garden)
    last = await ada.make_project("Last")
    if is_gone == "purged":
        await purge(ada, garden)
        assert await trashed(ada) == [shed["id"], box["id"]]
    restored = await restore(ada, shed)
    assert restored["parent_id"] is None
    assert restored["position"] > last["position"]
    assert lasting(await read(ada, shelf)) == lasting(shelf)
    assert await read(ada, todo) == todo
    assert (await restore(ada, box))["parent_id"] == shed["id"]
    # As deep as any from the top level.
    place = shelf
    for _ in range(2):
        place = await ada.make_project(parent_id=place["id"])
    if is_gone == "trashed":
        await restore(ada, garden)
        assert (await read(ada, shed))["parent_id"] is None


async def test_it_follows_the_one_above(ada: Person) -> None:
    house, garden = [await ada.make_project(name) for name in ("House", "Garden")]
    shed = await ada.make_project("Shed", parent_id=garden["id"])
    await trash(ada, shed)
    place = {"last": True, "parent_id": house["id"]}
    moved = await ada.client.post(f"/v1/projects/{garden['id']}/move", json=place)
    assert moved.status_code == 200, moved.text
    assert lasting(await restore(ada, shed)) == lasting(shed)


async def test_what_is_not_in_the_trash_itself_is_not_found(ada: Person) -> None:
    garden = await ada.make_project()
    shed = await ada.make_project(parent_id=garden["id"])
    for row in (garden, shed):
        assert (await ada.client.post(f"/v1/projects/{row['id']}/restore")).status_code == 404
    await trash(ada, garden)
    assert (await ada.client.post(f"/v1/projects/{shed['id']}/restore")).status_code == 404
    assert (await ada.client.delete(f"/v1/trash/{shed['id']}")).status_code == 404
    # Todos and projects are not confused.
    assert (await ada.client.post(f"/v1/todos/{garden['id']}/restore")).status_code == 404


async def test_if_match_is_of_the_trashed_version(ada: Person) -> None:
    garden = await ada.make_project()
    await trash(ada, garden)
    url = f"/v1/projects/{garden['id']}/restore"
    old = await ada.client.post(url, headers={"If-Match": '"1"'})
    assert (old.status_code, old.headers["etag"]) == (412, '"2"')
    assert (await ada.client.post(url, headers={"If-Match": '"2"'})).status_code == 200


async def test_no_todo_in_it_is_written(ada: Person, database: asyncpg.Connection) -> None:
    garden = await ada.make_project()
    todo = await ada.make_todo(project_id=garden["id"])
    written = "SELECT xmin::text FROM todos WHERE id = $1"
    told = "SELECT count(*) FROM changes WHERE resource_id = $1"
    before: list[Any] = [await database.fetchval(sql, UUID(todo["id"])) for sql in (written, told)]
    await trash(ada, garden)
    await restore(ada, garden)
    assert [await database.fetchval(sql, UUID(todo["id"])) for sql in (written, told)] == before


async def test_each_is_an_event(ada: Person, database: asyncpg.Connection) -> None:
    garden = await ada.make_project()
    shed = await ada.make_project(parent_id=garden["id"])
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"])
    await trash(ada, garden, todo)
    await restore(ada, garden)
    await restore(ada, todo)
    for row in (garden, shed):
        expected = ["project.created", "project.trashed", "project.restored"]
        assert await events(database, row) == expected
    assert await events(database, todo) == ["todo.created", "todo.trashed", "todo.restored"]
    assert await events(database, parent) == ["todo.created", *["todo.updated"] * 3]
