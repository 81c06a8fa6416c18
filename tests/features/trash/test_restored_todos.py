"""A restored todo is as it was, with what went along, in its place or the next best one."""

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
from tests.people import Json, Person

WEEKLY: Json = {
    "due": {"date": "2026-11-30"},
    "recurrence": {"rrule": "FREQ=WEEKLY", "repeat_from": "due"},
}


async def complete(person: Person, todo: Json) -> Json:
    answer = await person.client.patch(f"/v1/todos/{todo['id']}", json={"completed": True})
    assert answer.status_code == 200
    completed: Json = answer.json()
    return completed


async def test_it_comes_back_as_it_was(ada: Person) -> None:
    todo = await ada.make_todo(description="At the window", labels=["Errands"], priority="high")
    await trash(ada, todo)
    restored = await restore(ada, todo)
    assert lasting(restored) == lasting(todo)
    assert restored["version"] == todo["version"] + 2


async def test_what_its_deletion_took_comes_back_and_no_more(ada: Person) -> None:
    travel = await ada.make_todo("Travel")
    book = await ada.make_todo("Book", parent_id=travel["id"])
    seat = await ada.make_todo("Seat", parent_id=book["id"])
    pack = await ada.make_todo("Pack", parent_id=travel["id"])
    before = await read(ada, travel)
    await trash(ada, pack, travel)
    assert await trashed(ada) == [travel["id"], pack["id"]]

    restored = await restore(ada, travel)
    assert restored["subtask_count"] == before["subtask_count"] - 1
    assert lasting(await read(ada, book)) == {**lasting(book), "subtask_count": 1}
    assert lasting(await read(ada, seat)) == lasting(seat)
    assert not await is_there(ada, pack)

    assert lasting(await restore(ada, pack)) == lasting(pack)
    assert lasting(await read(ada, travel)) == lasting(before)


async def test_its_parent_counts_it_again(ada: Person) -> None:
    parent = await ada.make_todo()
    done = await ada.make_todo(parent_id=parent["id"], completed=True)
    await ada.make_todo(parent_id=parent["id"])
    before = await read(ada, parent)
    await trash(ada, done)
    await restore(ada, done)
    after = await read(ada, parent)
    assert lasting(after) == lasting(before)
    assert after["version"] == before["version"] + 2


@pytest.mark.parametrize("is_gone", ["trashed", "purged"])
async def test_without_its_parent_it_comes_to_the_top_level(ada: Person, is_gone: str) -> None:
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"])
    below = await ada.make_todo(parent_id=todo["id"])
    aside = await ada.make_todo(parent_id=todo["id"])
    await trash(ada, aside, todo, parent)
    last = await ada.make_todo()
    if is_gone == "purged":
        await purge(ada, parent)
        assert await trashed(ada) == [todo["id"], aside["id"]]

    restored = await restore(ada, todo)
    assert (restored["parent_id"], restored["project_id"]) == (None, todo["project_id"])
    assert restored["position"] > last["position"]
    assert lasting(await read(ada, below)) == lasting(below)
    # It has levels below it again, and what was deleted before came along.
    for _ in range(3):
        below = await ada.make_todo(parent_id=below["id"])
    assert lasting(await restore(ada, aside)) == lasting(aside)
    if is_gone == "trashed":
        assert (await restore(ada, parent))["subtask_count"] == 0
        assert (await read(ada, todo))["parent_id"] is None


@pytest.mark.parametrize("is_gone", ["trashed", "purged"])
async def test_without_its_project_it_comes_to_the_inbox(
    ada: Person, database: asyncpg.Connection, is_gone: str
) -> None:
    project = await ada.make_project()
    parent = await ada.make_todo(project_id=project["id"])
    todo = await ada.make_todo(parent_id=parent["id"])
    below = await ada.make_todo(parent_id=todo["id"])
    aside = await ada.make_todo(parent_id=todo["id"])
    await trash(ada, aside, todo, project)
    if is_gone == "purged":
        await purge(ada, project)
        assert not await is_there(ada, parent)
        assert await trashed(ada) == [todo["id"], aside["id"]]

    inbox = await ada.inbox()
    said = await events(database, aside)
    restored = await restore(ada, todo)
    # Nobody is told of what stays in the trash.
    assert await events(database, aside) == said
    assert (restored["parent_id"], restored["project_id"]) == (None, inbox["id"])
    moved = {**lasting(below), "project_id": inbox["id"]}
    assert lasting(await read(ada, below)) == moved
    assert (await restore(ada, aside))["parent_id"] == todo["id"]
    if is_gone == "trashed":
        await restore(ada, project)
        assert (await read(ada, parent))["subtask_count"] == 0
        assert (await read(ada, todo))["project_id"] == inbox["id"]


async def test_an_open_one_reopens_those_above(ada: Person) -> None:
    root = await ada.make_todo()
    parent = await ada.make_todo(parent_id=root["id"], **WEEKLY)
    todo = await ada.make_todo(parent_id=parent["id"])
    await trash(ada, todo)
    assert (await complete(ada, root))["completed"]
    assert len(await ada.walk(f"/v1/todos/{parent['id']}/completions")) == 1
    await restore(ada, todo)
    for row, counts in ((root, (1, 0)), (parent, (1, 0))):
        now = await read(ada, row)
        assert now["completed"] is False
        assert (now["subtask_count"], now["completed_subtask_count"]) == counts
    # What ended the series is taken back.
    assert await ada.walk(f"/v1/todos/{parent['id']}/completions") == []


async def test_a_completed_one_leaves_those_above_completed(ada: Person) -> None:
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"], completed=True)
    await trash(ada, todo)
    before = await complete(ada, parent)
    await restore(ada, todo)
    after = await read(ada, parent)
    assert after["completed_at"] == before["completed_at"]
    assert (after["subtask_count"], after["completed_subtask_count"]) == (1, 1)


async def test_it_keeps_its_place_though_others_move(ada: Person) -> None:
    one, two, three = [await ada.make_todo(str(number)) for number in range(3)]
    await trash(ada, two)
    moved = await ada.client.post(f"/v1/todos/{three['id']}/move", json={"after": one["id"]})
    assert moved.status_code == 200
    await restore(ada, two)
    inbox = two["project_id"]
    listed = await ada.walk("/v1/todos", project_id=inbox, sort="position")
    assert sorted(row["id"] for row in listed) == sorted(row["id"] for row in (one, two, three))
    assert len({row["position"] for row in listed}) == 3


async def test_it_follows_its_parent(ada: Person) -> None:
    """What is above a deleted todo moves, and takes it along."""
    house = await ada.make_project("House")
    top, parent = [await ada.make_todo(project_id=house["id"]) for _ in range(2)]
    todo = await ada.make_todo(parent_id=parent["id"])
    await trash(ada, todo)
    place = {"last": True, "parent_id": top["id"]}
    moved = await ada.client.post(f"/v1/todos/{parent['id']}/move", json=place)
    assert moved.status_code == 200, moved.text
    restored = await restore(ada, todo)
    assert lasting(restored) == lasting(todo)
    garden = await ada.make_project("Garden")
    await trash(ada, todo)
    place = {"last": True, "project_id": garden["id"]}
    assert (await ada.client.post(f"/v1/todos/{top['id']}/move", json=place)).is_success
    assert (await restore(ada, todo))["project_id"] == garden["id"]


async def test_what_is_not_in_the_trash_itself_is_not_found(ada: Person) -> None:
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"])
    for row in (todo, parent):
        assert (await ada.client.post(f"/v1/todos/{row['id']}/restore")).status_code == 404
    await trash(ada, parent)
    assert (await ada.client.post(f"/v1/todos/{todo['id']}/restore")).status_code == 404
    assert (await ada.client.delete(f"/v1/trash/{todo['id']}")).status_code == 404
    await restore(ada, parent)
    assert (await ada.client.post(f"/v1/todos/{parent['id']}/restore")).status_code == 404


async def test_if_match_is_of_the_trashed_version(ada: Person) -> None:
    todo = await ada.make_todo()
    await trash(ada, todo)
    url = f"/v1/todos/{todo['id']}/restore"
    old = await ada.client.post(url, headers={"If-Match": '"1"'})
    assert (old.status_code, old.headers["etag"]) == (412, '"2"')
    assert (await ada.client.post(url, headers={"If-Match": '"2"'})).status_code == 200


async def test_what_an_older_version_deleted_below_it_is_not_above_it(
    ada: Person, database: asyncpg.Connection
) -> None:
    """It has no `deletion_id` until the backfill gives it one."""
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"])
    below = await ada.make_todo(parent_id=todo["id"])
    await trash(ada, below, todo, parent)
    forget = "UPDATE todos SET deletion_id = NULL WHERE id = $1 RETURNING version"
    version = await database.fetchval(forget, UUID(below["id"]))
    restored = await restore(ada, todo)
    assert (restored["parent_id"], restored["subtask_count"]) == (None, 0)
    now = "SELECT version FROM todos WHERE id = $1 AND deletion_id IS NULL AND depth = 2"
    assert await database.fetchval(now, UUID(below["id"])) == version
