"""Many requests at once on one tree: counts stay right, nothing is lost, nobody waits for ever."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from httpx import Response

from tests.people import Json, Person
from tests.todos.locks import somebody_waits

_Answer = Coroutine[Any, Any, Response]


async def _at_once(requests: Iterable[_Answer]) -> list[Response]:
    responses = await asyncio.gather(*requests)
    assert max(response.status_code for response in responses) < 500, [r.text for r in responses]
    return list(responses)


def _create(person: Person, parent: Json, **fields: Any) -> _Answer:
    return person.client.post(
        "/v1/todos", json={"title": "Subtask", "parent_id": parent["id"], **fields}
    )


def _patch(person: Person, todo: Json, **fields: Any) -> _Answer:
    return person.client.patch(f"/v1/todos/{todo['id']}", json=fields)


def _delete(person: Person, todo: Json) -> _Answer:
    return person.client.delete(f"/v1/todos/{todo['id']}")


def _statuses(responses: Iterable[Response]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


async def _read(person: Person, todo: Json) -> Json:
    read: Json = (await person.get(f"/v1/todos/{todo['id']}")).json()
    return read


async def _assert_consistent(database: asyncpg.Connection, person: Person) -> None:
    """Counts count, nothing lives below what was deleted, and each version left its change."""
    orphans = await database.fetch(
        "SELECT child.id FROM todos child JOIN todos parent ON parent.id = child.parent_id "
        "WHERE child.created_by = $1 AND child.deleted_at IS NULL "
        "AND parent.deleted_at IS NOT NULL",
        person.id,
    )
    assert orphans == []
    wrong = await database.fetch(
        "SELECT parent.* FROM todos parent LEFT JOIN LATERAL ("
        "  SELECT count(*) AS subtasks, count(completed_at) AS completed FROM todos child "
        "  WHERE child.parent_id = parent.id AND child.deleted_at IS NULL) counted ON true "
        "WHERE parent.created_by = $1 AND parent.deleted_at IS NULL "
        "AND (subtask_count, completed_subtask_count) <> (subtasks, completed)",
        person.id,
    )
    assert wrong == []
    unlogged = await database.fetch(
        "SELECT todo.id FROM todos todo WHERE created_by = $1 AND version <> ("
        "  SELECT count(*) FROM changes WHERE resource_id = todo.id)",
        person.id,
    )
    assert unlogged == []


async def test_many_subtasks_at_once_are_all_counted_and_none_is_too_deep(
    ada: Person, database: asyncpg.Connection
) -> None:
    chain = [await ada.make_todo()]
    for _ in range(4):
        chain.append(await ada.make_todo(parent_id=chain[-1]["id"]))

    responses = await _at_once(_create(ada, chain[number % 5]) for number in range(30))

    assert _statuses(responses) == {201: 24, 422: 6}
    assert [(await _read(ada, todo))["subtask_count"] for todo in chain] == [7, 7, 7, 7, 0]
    deepest = await database.fetchval("SELECT max(depth) FROM todos WHERE created_by = $1", ada.id)
    assert deepest == 5
    await _assert_consistent(database, ada)


@pytest.mark.parametrize("level", [0, 1, 2])
async def test_no_subtask_survives_below_a_todo_that_is_deleted_meanwhile(
    ada: Person, database: asyncpg.Connection, level: int
) -> None:
    top = await ada.make_todo("top")
    chain = [await ada.make_todo("root", parent_id=top["id"])]
    for _ in range(2):
        chain.append(await ada.make_todo(parent_id=chain[-1]["id"]))
    creates = [_create(ada, chain[level]) for _ in range(20)]

    responses = await _at_once([*creates[:10], _delete(ada, chain[0]), *creates[10:]])

    assert responses[10].status_code == 204
    assert set(_statuses([*responses[:10], *responses[11:]])) <= {201, 404}
    assert (await ada.get("/v1/todos")).json()["items"] == [await _read(ada, top)]
    assert (await _read(ada, top))["subtask_count"] == 0
    await _assert_consistent(database, ada)


async def test_completing_and_reopening_siblings_at_once_is_counted_right(
    ada: Person, database: asyncpg.Connection
) -> None:
    parent = await ada.make_todo()
    opened = [await ada.make_todo(parent_id=parent["id"]) for _ in range(10)]
    done = [await ada.make_todo(parent_id=parent["id"], completed=True) for _ in range(10)]

    responses = await _at_once(
        _patch(ada, todo, completed=todo["completed_at"] is None)
        for pair in zip(opened, done, strict=True)
        for todo in pair
    )

    assert _statuses(responses) == {200: 20}
    await _at_once(_patch(ada, todo, completed=True) for todo in done[:7])
    counted = await _read(ada, parent)
    assert (counted["subtask_count"], counted["completed_subtask_count"]) == (20, 17)
    await _assert_consistent(database, ada)


async def test_a_todo_completed_twenty_times_at_once_is_counted_once(
    ada: Person, database: asyncpg.Connection
) -> None:
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"])

    responses = await _at_once(_patch(ada, todo, completed=True) for _ in range(20))

    assert {response.json()["version"] for response in responses} == {2}
    assert {response.json()["completed"] for response in responses} == {True}
    assert (await _read(ada, parent))["completed_subtask_count"] == 1
    await _assert_consistent(database, ada)


async def test_each_of_two_who_toggle_a_todo_gets_what_they_asked_for(
    ada: Person, database: asyncpg.Connection
) -> None:
    todo = await ada.make_todo(parent_id=(await ada.make_todo())["id"])
    wanted = [number % 2 == 0 for number in range(20)]

    responses = await _at_once(_patch(ada, todo, completed=wish) for wish in wanted)

    assert [response.json()["completed"] for response in responses] == wanted
    await _assert_consistent(database, ada)


async def _while(
    database: asyncpg.Connection, todo: Json, change: str, answer: _Answer
) -> Response:
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
    response = await _while(database, todo, "title = 'Second'", _patch(ada, todo, title="First"))

    assert (response.json()["title"], response.json()["version"]) == ("First", 3)
    assert await _read(ada, todo) == response.json()


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
        reopening = asyncio.create_task(_patch(ada, todo, completed=False))
        await somebody_waits(database)

    assert (await reopening).json()["completed"] is False
    assert (await _read(ada, parent))["completed_subtask_count"] == 0


@pytest.mark.parametrize("write", [_patch, _delete])
async def test_a_write_that_waited_is_judged_by_what_it_then_finds(
    ada: Person, database: asyncpg.Connection, write: Callable[..., _Answer]
) -> None:
    changed, deleted = await ada.make_todo(), await ada.make_todo()
    ada.client.headers["If-Match"] = '"1"'

    stale = await _while(database, changed, "title = 'Second'", write(ada, changed))
    late = await _while(database, deleted, "deleted_at = now()", write(ada, deleted))

    assert (stale.status_code, stale.headers["etag"]) == (412, '"2"')
    assert late.status_code == 404


async def test_of_two_deletes_at_once_one_finds_it(
    ada: Person, database: asyncpg.Connection
) -> None:
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"])
    await ada.make_todo(parent_id=todo["id"])

    responses = await _at_once(_delete(ada, todo) for _ in range(10))

    assert _statuses(responses) == {204: 1, 404: 9}
    assert (await _read(ada, parent))["subtask_count"] == 0
    await _assert_consistent(database, ada)


async def test_a_parent_its_subtasks_and_theirs_can_be_deleted_at_once(
    ada: Person, database: asyncpg.Connection
) -> None:
    top = await ada.make_todo()
    parent = await ada.make_todo(parent_id=top["id"])
    children = [await ada.make_todo(parent_id=parent["id"]) for _ in range(5)]
    grandchildren = [await ada.make_todo(parent_id=child["id"]) for child in children]
    survivor = await ada.make_todo(parent_id=top["id"])

    family = [*grandchildren, *children, parent]
    responses = await _at_once(_delete(ada, todo) for todo in family)

    assert set(_statuses(responses)) <= {204, 404}
    assert responses[-1].status_code == 204
    assert (await _read(ada, top))["subtask_count"] == 1
    assert (await _read(ada, survivor)) == survivor
    await _assert_consistent(database, ada)


@pytest.mark.parametrize("seed", range(3))
async def test_a_storm_of_writes_leaves_the_tree_in_order(
    ada: Person, database: asyncpg.Connection, seed: int
) -> None:
    random = Random(seed)
    root = await ada.make_todo()
    todos = [root, *[await ada.make_todo(parent_id=root["id"]) for _ in range(4)]]
    todos += [await ada.make_todo(parent_id=todo["id"]) for todo in todos[1:]]

    def write() -> _Answer:
        todo = random.choice(todos)
        match random.randrange(4):
            case 0:
                return _create(ada, todo, completed=random.random() < 0.5)
            case 1:
                return _patch(ada, todo, completed=random.random() < 0.5)
            case 2:
                return _patch(ada, todo, title=f"Title {random.randrange(3)}")
            case _:
                return _delete(ada, random.choice(todos[1:]))

    responses = await _at_once(write() for _ in range(60))

    assert set(_statuses(responses)) <= {200, 201, 204, 404}
    await _assert_consistent(database, ada)


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
