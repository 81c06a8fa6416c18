"""How many todos somebody's projects hold at most."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import Response

from app.core.clock import utc_now
from app.core.settings import Settings
from app.database.unit_of_work import Database
from app.features.todos.purge import purge_todos
from app.features.users.ended_accounts import clean_up_ended_accounts
from tests.apps import running
from tests.people import PASSWORD, Person, share, sign_up

QUOTA = 4


@pytest.fixture(scope="module")
async def small(settings: Settings) -> AsyncIterator[FastAPI]:
    async with running(settings, quota_todos=QUOTA) as app:
        yield app


@pytest.fixture
async def ada(small: FastAPI) -> AsyncIterator[Person]:
    async with sign_up(small) as person:
        yield person


@pytest.fixture
async def bob(small: FastAPI) -> AsyncIterator[Person]:
    async with sign_up(small, "Bob") as person:
        yield person


async def create(person: Person, **fields: str) -> Response:
    return await person.client.post("/v1/todos", json={"title": "Book", **fields})


async def refused(person: Person, **fields: str) -> None:
    response = await create(person, **fields)
    assert (response.status_code, response.json()["code"]) == (409, "quota_exceeded")
    assert response.json()["params"] == {"quota": "todos"}


async def count(database: asyncpg.Connection, person: Person) -> int:
    held: int = await database.fetchval(
        "SELECT coalesce(sum(count), 0) FROM todo_counts WHERE owner_id = $1", person.id
    )
    return held


async def test_wherever_they_are_and_deleted_ones_too(ada: Person) -> None:
    garden = await ada.make_project()
    todo = await ada.make_todo()
    await ada.make_todo(parent_id=todo["id"])
    await ada.make_todo(project_id=garden["id"])
    gone = await ada.make_todo()
    await ada.client.delete(f"/v1/todos/{gone['id']}")
    await refused(ada)
    await refused(ada, parent_id=todo["id"])
    await refused(ada, project_id=garden["id"])


async def test_the_project_s_owner_is_charged_whoever_makes_them(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    garden = await ada.make_project()
    await share(database, garden, bob)
    for person in (ada, bob, bob, bob):
        await person.make_todo(project_id=garden["id"])
    await refused(bob, project_id=garden["id"])
    assert (await create(bob)).status_code == 201
    assert [await count(database, person) for person in (ada, bob)] == [4, 1]


async def test_what_else_forbids_it_is_said_first(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    garden = await ada.make_project()
    for _ in range(QUOTA):
        await ada.make_todo(project_id=garden["id"])
    assert (await create(bob, project_id=garden["id"])).json()["code"] == "project_not_found"
    await share(database, garden, bob, "viewer")
    assert (await create(bob, project_id=garden["id"])).status_code == 403


async def test_what_was_made_under_a_key_is_answered_again(ada: Person) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    first = await ada.client.post("/v1/todos", json={"title": "x"}, headers=headers)
    for _ in range(QUOTA - 1):
        await ada.make_todo()
    await refused(ada)
    again = await ada.client.post("/v1/todos", json={"title": "x"}, headers=headers)
    assert (again.status_code, again.json()) == (201, first.json())


async def test_none_waits_for_another_s_count(ada: Person, database: asyncpg.Connection) -> None:
    await ada.make_todo()
    held = "SELECT FROM todo_counts WHERE owner_id = $1 FOR UPDATE"
    async with database.transaction():
        await database.execute(held, ada.id)
        async with asyncio.timeout(10):
            assert (await create(ada)).status_code == 201
    assert await count(database, ada) == 2


async def test_those_under_way_may_pass_it_and_are_counted(
    ada: Person, database: asyncpg.Connection
) -> None:
    answers = await asyncio.gather(*(create(ada) for _ in range(20)))
    made = [answer.status_code for answer in answers].count(201)
    assert made >= QUOTA
    assert await count(database, ada) == made
    await refused(ada)


async def test_who_inherits_a_project_is_charged_for_what_is_in_it(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    garden = await ada.make_project()
    await share(database, garden, bob)
    for project in ({"project_id": garden["id"]}, {}):
        for _ in range(2):
            await ada.make_todo(**project)
    await bob.make_todo()
    response = await ada.client.request("DELETE", "/v1/users/me", json={"password": PASSWORD})
    assert response.status_code == 204
    assert [await count(database, person) for person in (ada, bob)] == [0, 3]


async def test_what_is_erased_makes_room(
    settings: Settings, ada: Person, database: asyncpg.Connection
) -> None:
    todo = await ada.make_todo()
    for _ in range(QUOTA - 1):
        await ada.make_todo()
    await refused(ada)
    base = Database(settings)
    await purge_todos(base, UUID(todo["project_id"]))
    await base.close()
    assert await count(database, ada) == 0
    assert (await create(ada)).status_code == 201


async def test_of_an_account_that_has_ended_no_count_stays(
    settings: Settings, ada: Person, database: asyncpg.Connection
) -> None:
    await ada.make_todo()
    await ada.client.request("DELETE", "/v1/users/me", json={"password": PASSWORD})
    slots = "SELECT count(*) FROM todo_counts WHERE owner_id = $1"
    assert await database.fetchval(slots, ada.id) == 1
    base = Database(settings)
    await clean_up_ended_accounts(base, settings, lambda: utc_now() + timedelta(hours=1))
    await base.close()
    assert await database.fetchval(slots, ada.id) == 0


async def _moved(person: Person, todo: str, project: str) -> Response:
    place = {"last": True, "project_id": project}
    return await person.client.post(f"/v1/todos/{todo}/move", json=place)


async def test_what_goes_to_another_owner_is_counted_there(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    theirs = await bob.make_project()
    await share(database, theirs, ada)
    own = await ada.inbox()
    root = await ada.make_todo()
    below = [await ada.make_todo(parent_id=root["id"]) for _ in range(2)]
    await ada.client.delete(f"/v1/todos/{below[0]['id']}")

    # With what is below it, also in the trash, there would be more than may be.
    others = [await bob.make_todo() for _ in range(2)]
    answer = await _moved(ada, root["id"], theirs["id"])
    assert (answer.status_code, answer.json()["params"]) == (409, {"quota": "todos"})
    assert (await count(database, ada), await count(database, bob)) == (3, 2)

    gone = await bob.client.delete(f"/v1/todos/{others[0]['id']}")
    assert gone.status_code == 204
    await database.execute("DELETE FROM todos WHERE id = $1", UUID(others[0]["id"]))
    assert (await _moved(ada, root["id"], theirs["id"])).status_code == 200
    assert (await count(database, ada), await count(database, bob)) == (0, 4)
    assert (await _moved(ada, root["id"], own["id"])).status_code == 200
    assert (await count(database, ada), await count(database, bob)) == (3, 1)


async def test_who_has_too_many_may_move_its_own(ada: Person) -> None:
    garden = await ada.make_project()
    todos = [await ada.make_todo() for _ in range(QUOTA)]
    assert (await _moved(ada, todos[0]["id"], garden["id"])).status_code == 200
