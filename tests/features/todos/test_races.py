"""Many requests at once on one tree: counts stay right, nothing is lost, nobody waits for ever."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from random import Random
from uuid import UUID

import asyncpg
import pytest
from httpx import Response

from tests.features.todos.trees import Answer, assert_consistent, create, delete, patch, read
from tests.people import Person


async def _at_once(requests: Iterable[Answer]) -> list[Response]:
    responses = await asyncio.gather(*requests)
    assert max(response.status_code for response in responses) < 500, [r.text for r in responses]
    return list(responses)


def _statuses(responses: Iterable[Response]) -> Counter[int]:
    return Counter(response.status_code for response in responses)


async def test_many_subtasks_at_once_are_all_counted_and_none_is_too_deep(
    ada: Person, database: asyncpg.Connection
) -> None:
    chain = [await ada.make_todo()]
    for _ in range(4):
        chain.append(await ada.make_todo(parent_id=chain[-1]["id"]))

    responses = await _at_once(create(ada, chain[number % 5]) for number in range(30))

    assert _statuses(responses) == {201: 24, 422: 6}
    assert [(await read(ada, todo))["subtask_count"] for todo in chain] == [7, 7, 7, 7, 0]
    deepest = await database.fetchval("SELECT max(depth) FROM todos WHERE created_by = $1", ada.id)
    assert deepest == 5
    await assert_consistent(database, ada)


@pytest.mark.parametrize("level", [0, 1, 2])
async def test_no_subtask_survives_below_a_todo_that_is_deleted_meanwhile(
    ada: Person, database: asyncpg.Connection, level: int
) -> None:
    top = await ada.make_todo("top")
    chain = [await ada.make_todo("root", parent_id=top["id"])]
    for _ in range(2):
        chain.append(await ada.make_todo(parent_id=chain[-1]["id"]))
    creates = [create(ada, chain[level]) for _ in range(20)]

    responses = await _at_once([*creates[:10], delete(ada, chain[0]), *creates[10:]])

    assert responses[10].status_code == 204
    assert set(_statuses([*responses[:10], *responses[11:]])) <= {201, 404}
    assert (await ada.get("/v1/todos")).json()["items"] == [await read(ada, top)]
    assert (await read(ada, top))["subtask_count"] == 0
    await assert_consistent(database, ada)


async def test_completing_and_reopening_siblings_at_once_is_counted_right(
    ada: Person, database: asyncpg.Connection
) -> None:
    parent = await ada.make_todo()
    opened = [await ada.make_todo(parent_id=parent["id"]) for _ in range(10)]
    done = [await ada.make_todo(parent_id=parent["id"], completed=True) for _ in range(10)]

    responses = await _at_once(
        patch(ada, todo, completed=todo["completed_at"] is None)
        for pair in zip(opened, done, strict=True)
        for todo in pair
    )

    assert _statuses(responses) == {200: 20}
    await _at_once(patch(ada, todo, completed=True) for todo in done[:7])
    counted = await read(ada, parent)
    assert (counted["subtask_count"], counted["completed_subtask_count"]) == (20, 17)
    await assert_consistent(database, ada)


async def test_a_todo_completed_twenty_times_at_once_is_counted_once(
    ada: Person, database: asyncpg.Connection
) -> None:
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"])

    responses = await _at_once(patch(ada, todo, completed=True) for _ in range(20))

    assert {response.json()["version"] for response in responses} == {2}
    assert {response.json()["completed"] for response in responses} == {True}
    assert (await read(ada, parent))["completed_subtask_count"] == 1
    await assert_consistent(database, ada)


async def test_each_of_two_who_toggle_a_todo_gets_what_they_asked_for(
    ada: Person, database: asyncpg.Connection
) -> None:
    todo = await ada.make_todo(parent_id=(await ada.make_todo())["id"])
    wanted = [number % 2 == 0 for number in range(20)]

    responses = await _at_once(patch(ada, todo, completed=wish) for wish in wanted)

    assert [response.json()["completed"] for response in responses] == wanted
    await assert_consistent(database, ada)


async def test_of_two_deletes_at_once_one_finds_it(
    ada: Person, database: asyncpg.Connection
) -> None:
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"])
    await ada.make_todo(parent_id=todo["id"])

    responses = await _at_once(delete(ada, todo) for _ in range(10))

    assert _statuses(responses) == {204: 1, 404: 9}
    assert (await read(ada, parent))["subtask_count"] == 0
    await assert_consistent(database, ada)


async def test_a_parent_its_subtasks_and_theirs_can_be_deleted_at_once(
    ada: Person, database: asyncpg.Connection
) -> None:
    top = await ada.make_todo()
    parent = await ada.make_todo(parent_id=top["id"])
    children = [await ada.make_todo(parent_id=parent["id"]) for _ in range(5)]
    grandchildren = [await ada.make_todo(parent_id=child["id"]) for child in children]
    survivor = await ada.make_todo(parent_id=top["id"])

    family = [*grandchildren, *children, parent]
    responses = await _at_once(delete(ada, todo) for todo in family)

    assert set(_statuses(responses)) <= {204, 404}
    assert responses[-1].status_code == 204
    assert (await read(ada, top))["subtask_count"] == 1
    assert (await read(ada, survivor)) == survivor
    await assert_consistent(database, ada)


@pytest.mark.parametrize("seed", range(3))
async def test_a_storm_of_writes_leaves_the_tree_in_order(
    ada: Person, database: asyncpg.Connection, seed: int
) -> None:
    random = Random(seed)
    root = await ada.make_todo()
    todos = [root, *[await ada.make_todo(parent_id=root["id"]) for _ in range(4)]]
    todos += [await ada.make_todo(parent_id=todo["id"]) for todo in todos[1:]]

    def write() -> Answer:
        todo = random.choice(todos)
        match random.randrange(4):
            case 0:
                return create(ada, todo, completed=random.random() < 0.5)
            case 1:
                return patch(ada, todo, completed=random.random() < 0.5)
            case 2:
                return patch(ada, todo, title=f"Title {random.randrange(3)}")
            case _:
                return delete(ada, random.choice(todos[1:]))

    responses = await _at_once(write() for _ in range(60))

    assert set(_statuses(responses)) <= {200, 201, 204, 404}
    await assert_consistent(database, ada)


async def test_a_change_does_not_wait_for_what_only_refers_to_its_row(
    ada: Person, database: asyncpg.Connection
) -> None:
    """As the foreign key of a subtask does that is being made by somebody else."""
    todo = await ada.make_todo()
    below = await ada.make_todo(parent_id=todo["id"])
    async with database.transaction(), asyncio.timeout(5):
        await database.execute("SELECT FROM todos WHERE id = $1 FOR KEY SHARE", UUID(todo["id"]))
        changed = await patch(ada, todo, title="Book the ship")
        added = await create(ada, todo)
        completed = await patch(ada, below, completed=True)
    assert (changed.status_code, added.status_code, completed.status_code) == (200, 201, 200)
