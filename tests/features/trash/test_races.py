"""Restores, purges and other writes at once: answers that some order explains, and no deadlock."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from random import Random
from typing import Any

import asyncpg
import pytest
from httpx import Response

from tests.features.todos.trees import assert_consistent, create, move
from tests.features.trash.trashing import address, is_there, trash, trashed
from tests.people import Json, Person

ROUNDS = 50
Answer = Coroutine[Any, Any, Response]


@pytest.fixture(autouse=True)
async def _no_deadlock(database: asyncpg.Connection) -> AsyncIterator[None]:
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await database.fetchval(deadlocks)
    yield
    await database.execute("SELECT pg_stat_clear_snapshot()")
    assert await database.fetchval(deadlocks) == before


def restoring(person: Person, row: Json) -> Answer:
    return person.client.post(f"{address(row)}/restore")


def deleting(person: Person, row: Json) -> Answer:
    return person.client.delete(address(row))


def purging(person: Person, row: Json) -> Answer:
    return person.client.delete(f"/v1/trash/{row['id']}")


async def at_once(*requests: Answer) -> list[int]:
    answers = await asyncio.gather(*requests)
    assert max(answer.status_code for answer in answers) < 500, [each.text for each in answers]
    return [answer.status_code for answer in answers]


@pytest.mark.parametrize("kind", ["todo", "project"])
async def test_restore_and_purge(ada: Person, database: asyncpg.Connection, kind: str) -> None:
    seen = set()
    for turn in range(ROUNDS):
        row = await (ada.make_todo() if kind == "todo" else ada.make_project())
        if kind == "todo":
            await ada.make_todo(parent_id=row["id"])
        else:
            await ada.make_todo(project_id=row["id"])
        await trash(ada, row)
        requests = [restoring(ada, row), purging(ada, row)]
        answers = await at_once(*(requests if turn % 2 else reversed(requests)))
        restored, purged = answers if turn % 2 else reversed(answers)
        assert (restored, purged) in {(200, 404), (404, 204)}
        assert await is_there(ada, row) == (restored == 200)
        seen.add(restored)
    assert await trashed(ada) == []
    await assert_consistent(database, ada)


async def test_two_restores(ada: Person, database: asyncpg.Connection) -> None:
    parent = await ada.make_todo()
    for _ in range(ROUNDS):
        row = await ada.make_todo(parent_id=parent["id"])
        await trash(ada, row)
        assert sorted(await at_once(restoring(ada, row), restoring(ada, row))) == [200, 404]
    await assert_consistent(database, ada)


async def test_a_deletion_of_a_project_and_what_is_written_in_it(
    ada: Person, database: asyncpg.Connection
) -> None:
    for _ in range(ROUNDS):
        garden = await ada.make_project()
        parent, todo = [await ada.make_todo(project_id=garden["id"]) for _ in range(2)]
        await trash(ada, todo)
        place = {"title": "New", "project_id": garden["id"]}
        answers = await at_once(
            create(ada, parent),
            deleting(ada, garden),
            ada.client.post("/v1/todos", json=place),
            restoring(ada, todo),
        )
        assert answers[1] == 204
        assert {answers[0], answers[2]} <= {201, 404}
        assert answers[3] == 200
        # All that was made there comes back with it.
        assert (await restoring(ada, garden)).status_code == 200
        listed = await ada.walk("/v1/todos", project_id=garden["id"], parent_id="none")
        made = answers[2] == 201
        at_home = (await ada.get(address(todo))).json()["project_id"] == garden["id"]
        assert len(listed) == 1 + made + at_home
    await assert_consistent(database, ada)


async def test_a_restore_and_what_becomes_of_its_parent(
    ada: Person, database: asyncpg.Connection
) -> None:
    house, garden = await ada.make_project(), await ada.make_project()
    for _ in range(ROUNDS):
        parent = await ada.make_todo(project_id=house["id"])
        todo = await ada.make_todo(parent_id=parent["id"])
        await trash(ada, todo)
        answers = await at_once(
            restoring(ada, todo),
            move(ada, parent, last=True, project_id=garden["id"]),
            deleting(ada, parent),
        )
        assert answers[0] == 200
        assert answers[2] == 204
    await assert_consistent(database, ada)


async def test_emptying_the_trash_beside_all_else(
    ada: Person, database: asyncpg.Connection
) -> None:
    """What a storm leaves is in order."""
    random = Random(3)
    projects = [await ada.make_project() for _ in range(3)]
    rows: list[Json] = []
    for number in range(24):
        if number % 3 == 0 or not rows:
            rows.append(await ada.make_todo(project_id=random.choice(projects)["id"]))
        else:
            rows.append(await ada.make_todo(parent_id=rows[-1]["id"]))

    def write() -> Answer:
        row, other = random.choice([*rows, *projects]), random.choice(rows)
        ways: list[Answer] = [deleting(ada, row), restoring(ada, row), restoring(ada, other)]
        if "title" in row and row is not other:
            ways.append(move(ada, row, before=other["id"]))
        if random.random() < 0.1:
            ways.append(ada.client.delete("/v1/trash"))
        chosen = ways.pop(random.randrange(len(ways)))
        for way in ways:
            way.close()
        return chosen

    for _ in range(10):
        await at_once(*(write() for _ in range(20)))
        # A project that is purged takes what was said there of todos that left it.
        await assert_consistent(database, ada, is_logged=False)
    assert (await ada.client.delete("/v1/trash")).status_code == 204
    assert await trashed(ada) == []
