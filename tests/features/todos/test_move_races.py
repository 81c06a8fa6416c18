"""Moves among other writes: no cycle, nothing lost, counts and positions right."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import Response
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.apps import client_of
from tests.features.todos.moving import make_chain
from tests.features.todos.trees import (
    Answer,
    assert_consistent,
    create,
    delete,
    move,
    patch,
    read,
)
from tests.locks import everybody_waits, somebody_waits
from tests.people import Json, Person, share, sign_up


async def _held(
    database: asyncpg.Connection, todo: Json, *requests: Answer
) -> list[asyncio.Task[Response]]:
    """Requests that all wait for a todo, and go on together."""
    async with database.transaction():
        await database.execute("SELECT FROM todos WHERE id = $1 FOR UPDATE", UUID(todo["id"]))
        tasks = []
        for number, request in enumerate(requests, 1):
            tasks.append(asyncio.create_task(request))
            await everybody_waits(database, number)
    return tasks


async def test_of_two_that_would_make_a_cycle_one_is_refused(
    ada: Person, database: asyncpg.Connection
) -> None:
    a, b = await ada.make_todo("a"), await ada.make_todo("b")
    for _ in range(5):
        answers = await asyncio.gather(
            move(ada, a, last=True, parent_id=b["id"]), move(ada, b, last=True, parent_id=a["id"])
        )
        assert Counter(each.status_code for each in answers) == {200: 1, 422: 1}
        refused = next(each for each in answers if each.status_code == 422)
        assert refused.json()["code"] == "moved_into_itself"
        await assert_consistent(database, ada)
        for todo in (a, b):
            await move(ada, todo, last=True, parent_id=None)


async def test_a_subtask_that_is_moved_away_is_not_completed_with_its_parent(
    ada: Person, database: asyncpg.Connection
) -> None:
    [root, child] = await make_chain(ada, "rc")
    moving, completing = await _held(
        database,
        child,
        move(ada, child, last=True, parent_id=None),
        patch(ada, root, completed=True),
    )
    assert ((await moving).status_code, (await completing).json()["completed"]) == (200, True)
    assert (await read(ada, child))["completed"] is False
    await assert_consistent(database, ada)


async def test_one_that_is_moved_in_meanwhile_is_completed_too(
    ada: Person, database: asyncpg.Connection
) -> None:
    [root, child] = await make_chain(ada, "rc")
    [other, below] = await make_chain(ada, "ob")
    async with database.transaction():
        await database.execute("SELECT FROM todos WHERE id = $1 FOR UPDATE", UUID(root["id"]))
        moving = asyncio.create_task(move(ada, other, first=True, parent_id=child["id"]))
        await somebody_waits(database)
        completing = asyncio.create_task(patch(ada, root, completed=True))
        await everybody_waits(database, 2)
    assert ((await moving).status_code, (await completing).status_code) == (200, 200)
    for todo in (root, child, other, below):
        assert (await read(ada, todo))["completed"] is True
    await assert_consistent(database, ada)


async def test_a_reopened_one_reopens_those_that_are_above_it_by_then(
    ada: Person, database: asyncpg.Connection
) -> None:
    old, middle, todo = await make_chain(ada, "omt")
    [new] = await make_chain(ada, "n")
    for each in (old, new):
        await patch(ada, each, completed=True)
    moving, reopening = await _held(
        database,
        middle,
        move(ada, middle, last=True, parent_id=new["id"]),
        patch(ada, todo, completed=False),
    )
    assert ((await moving).status_code, (await reopening).status_code) == (200, 200)
    assert (await read(ada, old))["completed"] is True
    assert (await read(ada, new))["completed"] is False
    await assert_consistent(database, ada)


Write = Callable[[Person, Json], Answer]
WRITES: dict[str, Write] = {
    "patch": lambda person, todo: patch(person, todo, title="New"),
    "complete": lambda person, todo: patch(person, todo, completed=True),
    "delete": delete,
    "create": create,
    "move": lambda person, todo: move(person, todo, first=True),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


@each_write
async def test_one_that_goes_to_another_project_meanwhile_is_found_there(
    ada: Person, database: asyncpg.Connection, write: Write
) -> None:
    todo, _ = await make_chain(ada, "tc")
    house = await ada.make_project("House")
    moving, writing = await _held(
        database, todo, move(ada, todo, last=True, project_id=house["id"]), write(ada, todo)
    )
    assert (await moving).status_code == 200
    assert (await writing).is_success, (await writing).text
    await assert_consistent(database, ada)


@each_write
async def test_who_may_not_write_where_it_is_by_then_does_not(
    ada: Person, bob: Person, database: asyncpg.Connection, write: Write
) -> None:
    garden, house = await ada.make_project("Garden"), await ada.make_project("House")
    await share(database, garden, bob)
    todo = await ada.make_todo(project_id=garden["id"])
    moving, writing = await _held(
        database, todo, move(ada, todo, last=True, project_id=house["id"]), write(bob, todo)
    )
    moved = (await moving).json()
    assert (await writing).status_code == 404
    assert await read(ada, todo) == moved


async def test_a_version_that_goes_while_a_move_waits_is_not_moved(
    ada: Person, database: asyncpg.Connection
) -> None:
    todo, _ = await ada.make_todo(), await ada.make_todo()
    moving = ada.client.post(
        f"/v1/todos/{todo['id']}/move", json={"last": True}, headers={"If-Match": '"1"'}
    )
    patched, answered = await _held(database, todo, patch(ada, todo, title="New"), moving)
    assert (await patched).status_code == 200
    answer = await answered
    assert (answer.status_code, answer.headers["ETag"]) == (412, '"2"')
    assert (await read(ada, todo))["position"] == todo["position"]


@asynccontextmanager
async def _three_clients(app: FastAPI) -> AsyncIterator[list[Person]]:
    """Of one person."""
    async with (
        sign_up(app) as person,
        client_of(app, person.tokens["access_token"]) as second,
        client_of(app, person.tokens["access_token"]) as third,
    ):
        others = (Person(app, each, person.user, person.tokens) for each in (second, third))
        yield [person, *others]


_REPEATING: Json = {
    "due": {"date": "2026-11-30"},
    "recurrence": {"rrule": "FREQ=DAILY;COUNT=3", "repeat_from": "due"},
}


def _place(random: Random, todos: list[Json], projects: list[Json]) -> Json:
    other = random.choice(todos)["id"]
    places: list[Json] = [
        {"before": other},
        {"after": other},
        {"last": True, "parent_id": other},
        {"first": True, "parent_id": other},
        {"first": True, "project_id": random.choice(projects)["id"]},
        {"last": True, "parent_id": None},
    ]
    return random.choice(places)


@settings(max_examples=max(2, settings().max_examples // 5), phases=[Phase.generate])
@given(seed=st.integers(0, 1 << 32))
async def test_a_storm_of_three_clients_leaves_trees_in_order(
    app: FastAPI, database: asyncpg.Connection, seed: int
) -> None:
    async with _three_clients(app) as crowd:
        await _storm(crowd, database, Random(seed))


async def _storm(crowd: list[Person], database: asyncpg.Connection, random: Random) -> None:
    ada = crowd[0]
    projects = [await ada.make_project(name) for name in ("Garden", "House")]
    todos = [await ada.make_todo(f"{n}", project_id=projects[n % 2]["id"]) for n in range(4)]
    todos += [await ada.make_todo(parent_id=todo["id"]) for todo in todos]
    gone: set[str] = set()

    async def client(person: Person) -> None:
        for _ in range(40):
            todo = random.choice(todos)
            match random.randrange(11):
                case 0:
                    answer = await delete(person, todo)
                    gone.add(todo["id"])
                case 1 | 2:
                    fields: Json = random.choice([{}, {}, {"completed": True}, _REPEATING])
                    answer = await create(person, todo, **fields)
                    todos.extend([answer.json()] if answer.is_success else [])
                case 3 | 4:
                    answer = await patch(person, todo, completed=random.random() < 0.5)
                case _:
                    answer = await move(person, todo, **_place(random, todos, projects))
            assert answer.status_code in (200, 201, 204, 404, 422), answer.text
            assert answer.status_code != 404 or gone

    await asyncio.gather(*(client(person) for person in crowd))

    await assert_consistent(database, ada)
    rows = await database.fetch(
        "WITH RECURSIVE tree AS (SELECT id, project_id, 1 AS level FROM todos "
        "WHERE created_by = $1 AND parent_id IS NULL UNION ALL "
        "SELECT t.id, t.project_id, level + 1 FROM todos t JOIN tree ON t.parent_id = tree.id "
        "AND t.project_id = tree.project_id) "
        "SELECT t.id, t.deleted_at, level = depth AS is_level FROM tree JOIN todos t USING (id)",
        ada.id,
    )
    # All hang on a root, on the level that they know of, and none was lost.
    assert {str(row["id"]) for row in rows} == {todo["id"] for todo in todos}
    assert all(row["is_level"] for row in rows)
    assert {str(row["id"]) for row in rows if row["deleted_at"]} >= gone
    held = "SELECT sum(count) FROM todo_counts WHERE owner_id = $1"
    assert await database.fetchval(held, ada.id) == len(todos)
