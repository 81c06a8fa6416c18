"""Repeating todos in a tree: subtasks begin anew, and end with what is above them."""

from typing import Any
from uuid import UUID

import asyncpg
from fastapi import FastAPI

from tests.features.completions.repeating import (
    complete,
    completed,
    day,
    done,
    make,
    patched,
    read,
    take_back,
    tick,
)
from tests.features.todos.changes import Log
from tests.features.todos.trees import assert_consistent, move
from tests.people import Json, Person
from tests.roundtrips import statements

DAY = day("2026-11-30")
NEXT = day("2026-12-07")
LAST = "FREQ=WEEKLY;COUNT=2"


async def _below(person: Person, parent: Json, **fields: Any) -> Json:
    return await person.make_todo("Below", parent_id=parent["id"], **fields)


async def _states(person: Person, *todos: Json) -> list[tuple[bool, int, int]]:
    """Whether each is completed, how many subtasks it has, and how many completed ones."""
    names = ("completed", "subtask_count", "completed_subtask_count")
    rows = [await read(person, todo) for todo in todos]
    return [(row[names[0]], row[names[1]], row[names[2]]) for row in rows]


async def test_all_below_begins_anew(ada: Person, database: asyncpg.Connection) -> None:
    root = await make(ada, DAY)
    done_, open_ = await _below(ada, root), await _below(ada, root)
    deep, deeper = await _below(ada, done_), await _below(ada, open_)
    for todo in (done_, deeper):
        await tick(ada, todo)
    assert await _states(ada, root, done_, open_, deep, deeper) == [
        (False, 2, 1),
        (True, 1, 1),
        (False, 1, 1),
        (True, 0, 0),
        (True, 0, 0),
    ]
    log = Log(database, ada)
    await log.new()

    answer = await tick(ada, root)

    assert (answer["due"], answer["completed_subtask_count"]) == (NEXT, 0)
    assert await _states(ada, root, done_, open_, deep, deeper) == [
        (False, 2, 0),
        (False, 1, 0),
        (False, 1, 0),
        (False, 0, 0),
        (False, 0, 0),
    ]
    events = {str(row["resource_id"]): row["event"] for row in await log.new()}
    assert events == {
        root["id"]: "todo.completed",
        done_["id"]: "todo.reopened",
        open_["id"]: "todo.updated",
        deep["id"]: "todo.reopened",
        deeper["id"]: "todo.reopened",
    }
    await assert_consistent(database, ada)


async def test_what_was_deleted_below_does_not_come_back(ada: Person) -> None:
    root = await make(ada, DAY)
    child = await _below(ada, root, completed=True)
    await ada.client.delete(f"/v1/todos/{child['id']}")

    assert (await tick(ada, root))["due"] == NEXT
    assert (await ada.get(f"/v1/todos/{child['id']}")).status_code == 404


async def test_the_last_occurrence_completes_what_is_open_below(
    ada: Person, database: asyncpg.Connection
) -> None:
    root = await make(ada, DAY, LAST)
    child = await _below(ada, root)
    await tick(ada, root)
    before = await _below(ada, root, completed=True)

    assert (await tick(ada, root))["completed"]

    assert await _states(ada, root, child) == [(True, 2, 2), (True, 0, 0)]
    assert await read(ada, before) == before
    await assert_consistent(database, ada)


async def test_a_subtask_that_repeats_ends_with_its_parent(ada: Person) -> None:
    root = await ada.make_todo()
    child = await make(ada, DAY, parent_id=root["id"])
    await tick(ada, child)

    await tick(ada, root)

    ended = await read(ada, child)
    assert (ended["completed"], ended["due"]) == (True, NEXT)
    assert await done(ada, child) == [NEXT, DAY]
    assert (await complete(ada, ended)).json()["code"] == "not_repeating"
    opened = await patched(ada, child, completed=False)
    assert (opened["completed"], opened["due"]) == (False, NEXT)
    assert await done(ada, child) == [DAY]
    assert (await tick(ada, child))["due"] == day("2026-12-14")


async def test_a_subtask_that_repeats_goes_on_below_an_open_parent(
    ada: Person, database: asyncpg.Connection
) -> None:
    root = await ada.make_todo()
    child = await make(ada, DAY, parent_id=root["id"])
    version = (await read(ada, root))["version"]

    await tick(ada, child)

    assert (await read(ada, root))["version"] == version
    await assert_consistent(database, ada)


async def test_what_opens_one_that_has_ended_takes_its_last_completion_back(
    ada: Person, database: asyncpg.Connection
) -> None:
    top = await make(ada, DAY, LAST)
    root = await make(ada, DAY, LAST, parent_id=top["id"])
    for todo in (top, top):
        await tick(ada, todo)
    assert await _states(ada, top, root) == [(True, 1, 1), (True, 0, 0)]
    assert await done(ada, root) == [DAY]

    await _below(ada, root)

    assert await _states(ada, top, root) == [(False, 1, 0), (False, 1, 0)]
    assert await done(ada, top) == [DAY]
    assert await done(ada, root) == []
    assert (await tick(ada, root))["due"] == NEXT
    await assert_consistent(database, ada)


async def test_a_repeating_subtask_that_had_ended_begins_anew_too(ada: Person) -> None:
    root = await make(ada, DAY)
    child = await make(ada, DAY, LAST, parent_id=root["id"])
    await tick(ada, child)
    await tick(ada, child)

    await tick(ada, root)

    now = await read(ada, child)
    assert (now["completed"], now["due"]) == (False, NEXT)
    assert await done(ada, child) == [DAY]
    assert (await tick(ada, child))["completed"]
    assert await done(ada, child) == [NEXT, DAY]


async def test_taking_back_completes_nothing_below(ada: Person) -> None:
    root = await make(ada, DAY)
    child = await _below(ada, root, completed=True)
    completion, _ = await completed(ada, root)

    assert (await take_back(ada, root, completion)).status_code == 204

    assert await _states(ada, root, child) == [(False, 1, 0), (False, 0, 0)]


async def test_a_completion_is_found_from_its_change(
    ada: Person, database: asyncpg.Connection
) -> None:
    """By the todo and its version after it: events have it in `data.completion`."""
    root = await make(ada, DAY)
    log = Log(database, ada)
    await log.new()
    completion, _ = await completed(ada, root)
    [change] = await log.new()

    assert (change["event"], change["row_after"]["version"]) == ("todo.completed", 2)
    assert change["changed"] == {"due": {"from": DAY, "to": NEXT}}
    found = await database.fetchval(
        "SELECT id FROM completions WHERE todo_id = $1 AND todo_version = $2",
        change["resource_id"],
        change["row_after"]["version"],
    )
    assert found == UUID(completion["id"])
    assert (await take_back(ada, root, completion)).status_code == 204
    [back] = await log.new()
    assert (back["event"], back["changed"]) == (
        "todo.reopened",
        {"due": {"from": NEXT, "to": DAY}},
    )


async def test_what_completing_costs(app: FastAPI, ada: Person) -> None:
    root = await make(ada, DAY, "FREQ=WEEKLY;COUNT=3")
    child = await make(ada, DAY, LAST, parent_id=root["id"])
    deep = await make(ada, DAY, LAST, parent_id=child["id"])
    for todo in (deep, deep):
        await tick(ada, todo)

    async def cost(todo: Json) -> int:
        async with statements(app) as sql:
            await tick(ada, todo)
        return sum("todos" in each or "completions" in each for each in sql)

    # It is locked with all below it; what had ended there is opened with it.
    assert await cost(root) == 3
    assert await cost(root) == 3
    # The parent is locked too, after the last occurrence.
    assert await cost(child) == 3
    assert await cost(child) == 4
    assert await cost(root) == 3
    assert (await read(ada, root))["completed"]


async def test_a_move_below_one_that_has_ended_costs_no_more_than_another(
    app: FastAPI, ada: Person, database: asyncpg.Connection
) -> None:
    top = await make(ada, DAY, LAST)
    root = await make(ada, DAY, LAST, parent_id=top["id"])
    for _ in range(2):
        await tick(ada, top)
    assert (await done(ada, top), await done(ada, root)) == ([NEXT, DAY], [DAY])
    todo = await ada.make_todo()

    async with statements(app) as sql:
        moved = await move(ada, todo, last=True, parent_id=root["id"])

    assert moved.status_code == 200
    assert sum("todos" in each or "completions" in each for each in sql) == 4
    assert await _states(ada, top, root) == [(False, 1, 0), (False, 1, 0)]
    assert (await done(ada, top), await done(ada, root)) == ([DAY], [])
    await assert_consistent(database, ada)


async def test_another_change_of_one_that_has_ended_leaves_its_last_completion(ada: Person) -> None:
    todo = await make(ada, DAY, LAST)
    for _ in range(2):
        await tick(ada, todo)

    await patched(ada, todo, title="Done")
    await move(ada, todo, first=True)

    assert await done(ada, todo) == [NEXT, DAY]
