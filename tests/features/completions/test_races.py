"""Many at once on what repeats: each occurrence is completed as often as was asked."""

import asyncio
from collections import Counter
from random import Random
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from httpx import Response

from tests.features.completions.repeating import complete, day, done, make, read, recurrence, tick
from tests.features.todos.trees import Answer, assert_consistent, create, delete, patch
from tests.locks import everybody_waits
from tests.people import Json, Person

DAY = day("2026-11-30")


async def _held(database: asyncpg.Connection, todo: Json, *requests: Answer) -> list[Response]:
    """The answers to requests that all found the todo locked."""
    async with database.transaction():
        await database.execute("SELECT FROM todos WHERE id = $1 FOR UPDATE", UUID(todo["id"]))
        tasks = [asyncio.create_task(request) for request in requests]
        await everybody_waits(database, len(tasks))
    return list(await asyncio.gather(*tasks))


async def test_true_twice_at_once_completes_twice(
    ada: Person, database: asyncpg.Connection
) -> None:
    todo = await make(ada, DAY)

    answers = await _held(database, todo, *(patch(ada, todo, completed=True) for _ in range(2)))

    assert {answer.json()["due"]["date"] for answer in answers} == {"2026-12-07", "2026-12-14"}
    assert len(await done(ada, todo)) == 2
    await assert_consistent(database, ada)


async def test_an_occurrence_twice_at_once_is_completed_once(
    ada: Person, database: asyncpg.Connection
) -> None:
    todo = await make(ada, DAY)

    answers = await _held(database, todo, complete(ada, todo), complete(ada, todo))

    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert await done(ada, todo) == [DAY]
    assert (await read(ada, todo))["version"] == 2


async def test_a_todo_that_is_made_to_repeat_meanwhile_goes_on(
    ada: Person, database: asyncpg.Connection
) -> None:
    """What is completed below it was not locked at first."""
    todo = await ada.make_todo(due=DAY)
    child = await ada.make_todo(parent_id=todo["id"], completed=True)
    async with database.transaction():
        await database.execute(
            "UPDATE todos SET recurrence_rrule = 'FREQ=WEEKLY', recurrence_from = 'due', "
            "series_start = due_local, series_number = 1 WHERE id = $1",
            UUID(todo["id"]),
        )
        request = asyncio.create_task(tick(ada, todo))
        await everybody_waits(database, 1)

    after = await request

    assert (after["completed"], after["due"]) == (False, day("2026-12-07"))
    assert not (await read(ada, child))["completed"]
    assert after["completed_subtask_count"] == 0


@pytest.mark.parametrize("seed", range(3))
async def test_a_storm_leaves_the_tree_in_order(
    ada: Person, database: asyncpg.Connection, seed: int
) -> None:
    random = Random(seed)

    def rule() -> dict[str, Any]:
        rrule = random.choice(["FREQ=DAILY", "FREQ=DAILY;COUNT=2"])
        return {"due": DAY, "recurrence": recurrence(rrule)}

    root = await ada.make_todo(**rule())
    todos = [root, *[await ada.make_todo(parent_id=root["id"], **rule()) for _ in range(3)]]
    todos += [await ada.make_todo(parent_id=todo["id"]) for todo in todos[1:]]

    def write() -> Answer:
        todo = random.choice(todos)
        match random.randrange(5):
            case 0:
                return create(ada, todo, completed=random.random() < 0.5, **rule())
            case 1 | 2:
                return patch(ada, todo, completed=random.random() < 0.7)
            case 3:
                return complete(ada, {**todo, "due": DAY})
            case _:
                return delete(ada, random.choice(todos[4:]))

    responses = await asyncio.gather(*(write() for _ in range(60)))

    statuses = Counter(response.status_code for response in responses)
    # Who completes beside somebody who adds a subtask may be asked to try again.
    assert set(statuses) <= {200, 201, 204, 404, 409, 503}, [r.text for r in responses]
    assert statuses[503] <= 6
    await assert_consistent(database, ada)
    ended = await database.fetch(
        "SELECT t.id FROM completions c JOIN todos t ON t.id = c.todo_id "
        "WHERE c.is_last AND t.completed_at IS NULL AND t.created_by = $1",
        ada.id,
    )
    assert ended == []
