"""No completed todo has an open subtask: completing goes down, and what opens goes up."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from app.features.todos.repository import TodoRepository
from tests.features.todos.changes import Log
from tests.locks import somebody_waits
from tests.people import Json, Person
from tests.roundtrips import statements


async def _chain(person: Person, length: int, **fields: object) -> list[Json]:
    """A root, its subtask, and so on."""
    chain: list[Json] = []
    for level in range(length):
        parent = {"parent_id": chain[-1]["id"]} if chain else {}
        chain.append(await person.make_todo(f"Level {level + 1}", **parent, **fields))
    return chain


async def _set(person: Person, todo: Json, **fields: object) -> Json:
    response = await person.client.patch(f"/v1/todos/{todo['id']}", json=fields)
    assert response.status_code == 200, response.text
    changed: Json = response.json()
    return changed


async def _all(person: Person) -> dict[str, Json]:
    response = await person.get("/v1/todos?limit=200&sort=created_at")
    return {todo["id"]: todo for todo in response.json()["items"]}


async def _states(person: Person, *todos: Json) -> list[tuple[bool, int, int]]:
    """Whether each is completed, how many subtasks it has, and how many completed ones."""
    now = await _all(person)
    return [
        (row["completed"], row["subtask_count"], row["completed_subtask_count"])
        for row in (now[todo["id"]] for todo in todos)
    ]


async def test_completing_completes_all_open_ones_below(ada: Person) -> None:
    root, child, grandchild = await _chain(ada, 3)
    other = await ada.make_todo(parent_id=root["id"])
    done = await ada.make_todo(parent_id=root["id"], completed=True)

    answer = await _set(ada, root, completed=True)

    assert (answer["completed"], answer["completed_subtask_count"]) == (True, 3)
    assert await _states(ada, root, child, grandchild, other) == [
        (True, 3, 3),
        (True, 1, 1),
        (True, 0, 0),
        (True, 0, 0),
    ]
    now = await _all(ada)
    assert now[done["id"]] == done
    assert len({now[todo["id"]]["completed_at"] for todo in (root, child, grandchild)}) == 1


async def test_what_is_above_or_beside_stays_open(ada: Person) -> None:
    root, child, grandchild = await _chain(ada, 3)
    other = await ada.make_todo(parent_id=root["id"])

    await _set(ada, child, completed=True)

    assert await _states(ada, root, child, grandchild, other) == [
        (False, 2, 1),
        (True, 1, 1),
        (True, 0, 0),
        (False, 0, 0),
    ]


async def test_reopening_reopens_all_above_and_none_below(ada: Person) -> None:
    chain = await _chain(ada, 5)
    await _set(ada, chain[0], completed=True)

    await _set(ada, chain[2], completed=False)

    assert await _states(ada, *chain) == [
        (False, 1, 0),
        (False, 1, 0),
        (False, 1, 1),
        (True, 1, 1),
        (True, 0, 0),
    ]


async def test_a_new_open_subtask_reopens_all_above(ada: Person) -> None:
    root, child = await _chain(ada, 2, completed=True)
    new = await ada.make_todo(parent_id=child["id"])

    assert await _states(ada, root, child, new) == [
        (False, 1, 0),
        (False, 1, 0),
        (False, 0, 0),
    ]


async def test_a_new_completed_subtask_reopens_nothing(ada: Person) -> None:
    root, child = await _chain(ada, 2, completed=True)
    await ada.make_todo(parent_id=child["id"], completed=True)

    assert await _states(ada, root, child) == [(True, 1, 1), (True, 1, 1)]


async def test_an_ancestor_that_is_open_already_only_counts(ada: Person) -> None:
    root, child, grandchild = await _chain(ada, 3)
    await _set(ada, child, completed=True)
    before = (await _all(ada))[root["id"]]

    await _set(ada, grandchild, completed=False)

    assert await _states(ada, root, child) == [(False, 1, 0), (False, 1, 0)]
    assert (await _all(ada))[root["id"]]["version"] == before["version"] + 1


async def test_each_row_has_its_event_and_its_version(
    ada: Person, database: asyncpg.Connection
) -> None:
    chain = await _chain(ada, 3)
    top = [row["version"] for row in (await _all(ada)).values()]
    log = Log(database, ada)
    await log.new()

    await _set(ada, chain[1], completed=True, title="Done")
    completed = {row["resource_id"]: row for row in await log.new()}
    await _set(ada, chain[2], completed=False)
    reopened = {row["resource_id"]: row for row in await log.new()}

    names = [str(row["id"]) for row in chain]
    assert {str(name): row["event"] for name, row in completed.items()} == {
        names[0]: "todo.updated",
        names[1]: "todo.completed",
        names[2]: "todo.completed",
    }
    assert {str(name): row["event"] for name, row in reopened.items()} == {
        names[0]: "todo.updated",
        names[1]: "todo.reopened",
        names[2]: "todo.reopened",
    }
    now = [row["version"] for row in (await _all(ada)).values()]
    assert [after - before for before, after in zip(top, now, strict=True)] == [2, 2, 2]
    changed = {str(name): set(row["changed"]) for name, row in completed.items()}
    assert changed[names[1]] >= {"completed", "title", "completed_subtask_count"}
    assert changed[names[2]] == {"completed", "completed_at"}


async def test_what_was_completed_changes_nothing(ada: Person) -> None:
    root, child = await _chain(ada, 2)
    await _set(ada, root, completed=True)
    before = await _all(ada)

    await _set(ada, root, completed=True)
    await _set(ada, child, completed=True)

    assert await _all(ada) == before


async def test_deleted_ones_are_no_subtasks(ada: Person) -> None:
    root, child = await _chain(ada, 2)
    await ada.client.delete(f"/v1/todos/{child['id']}")

    answer = await _set(ada, root, completed=True)

    assert (answer["completed"], answer["subtask_count"]) == (True, 0)


async def test_a_wrong_version_completes_nothing(ada: Person) -> None:
    root, child = await _chain(ada, 2)
    response = await ada.client.patch(
        f"/v1/todos/{root['id']}", json={"completed": True}, headers={"If-Match": '"99"'}
    )
    assert response.status_code == 412
    assert await _states(ada, root, child) == [(False, 1, 0), (False, 0, 0)]


async def _put_below(database: asyncpg.Connection, parent: Json, todo: Json, *, depth: int) -> None:
    await database.execute(
        "UPDATE todos SET parent_id = $1, depth = $2 WHERE id = $3",
        UUID(parent["id"]),
        depth,
        UUID(todo["id"]),
    )


async def test_what_is_added_while_it_waits_is_completed_too(
    ada: Person, database: asyncpg.Connection
) -> None:
    root, child = await _chain(ada, 2)
    new = await ada.make_todo("New")

    async with database.transaction():
        # As whoever adds to a tree does it: the parent is locked, and then counts one more.
        for todo in (child, root):
            await database.execute(
                "SELECT FROM todos WHERE id = $1 FOR NO KEY UPDATE", UUID(todo["id"])
            )
        await _put_below(database, child, new, depth=3)
        await database.execute(
            "UPDATE todos SET subtask_count = 1 WHERE id = $1", UUID(child["id"])
        )
        completing = asyncio.create_task(_set(ada, root, completed=True))
        await somebody_waits(database)

    assert (await completing)["completed"] is True
    await ada.invalidate()
    assert await _states(ada, root, child, new) == [(True, 1, 1), (True, 1, 1), (True, 0, 0)]


async def test_what_is_completed_while_it_waits_does_not_stand_for_what_is_added(
    ada: Person, database: asyncpg.Connection
) -> None:
    root, child = await _chain(ada, 2)
    new = await ada.make_todo("New")

    async with database.transaction():
        await database.execute(
            "UPDATE todos SET completed_at = now() WHERE id = $1", UUID(child["id"])
        )
        await _put_below(database, root, new, depth=2)
        await database.execute(
            "UPDATE todos SET subtask_count = 2, completed_subtask_count = 1 WHERE id = $1",
            UUID(root["id"]),
        )
        completing = asyncio.create_task(_set(ada, root, completed=True))
        await somebody_waits(database)

    assert (await completing)["completed"] is True
    await ada.invalidate()
    assert await _states(ada, root, child, new) == [(True, 2, 2), (True, 0, 0), (True, 0, 0)]
    assert (await _all(ada))[child["id"]]["version"] == child["version"]


async def test_of_what_is_completed_below_no_text_is_read(
    app: FastAPI, ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, _, _ = await _chain(ada, 3)
    bodies: list[object] = []
    found = TodoRepository.lock_open_tree

    async def noted(self: TodoRepository, todo_id: UUID, **options: bool) -> Any:
        todo, below = await found(self, todo_id, **options)
        bodies.extend([todo["body"] is None, *(row["body"] for row in below)])
        return todo, below

    monkeypatch.setattr(TodoRepository, "lock_open_tree", noted)
    await _set(ada, root, completed=True)

    assert bodies == [False, None, None]


async def test_what_it_takes_is_bounded_whatever_is_below_and_above(
    app: FastAPI, ada: Person
) -> None:
    chain = await _chain(ada, 5)
    alone = await ada.make_todo()

    async def sent(todo: Json, **fields: object) -> int:
        async with statements(app) as sql:
            await _set(ada, todo, **fields)
        return sum("todos" in statement for statement in sql)

    assert await sent(alone, completed=True) == 2
    assert await sent(chain[1], completed=True) == 3
    assert await sent(chain[0], completed=True) == 2
    # All above it are read at once, after the nearest.
    assert await sent(chain[4], completed=False) == 4
