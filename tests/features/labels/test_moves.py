"""Labels of todos that go to somebody else's project: there they are labels of that owner."""

import asyncio
from random import Random
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import Response

from app.features.todos.repository import TodoRepository
from tests.apps import client_of, running
from tests.features.labels.spelling import wrongly_labelled
from tests.features.todos.changes import Log
from tests.features.todos.moving import make_chain, moved_to
from tests.features.todos.trees import assert_consistent, delete, move, patch, read
from tests.locks import somebody_waits
from tests.people import Json, Person, share
from tests.roundtrips import statements


@pytest.fixture
async def shared(ada: Person, bob: Person, database: asyncpg.Connection) -> Json:
    """Bob's project, in which Ada may write."""
    project = await bob.make_project("Shared")
    await share(database, project, ada)
    return project


async def _names(person: Person) -> list[str]:
    return [label["name"] for label in await person.walk("/v1/labels", sort="name")]


async def test_they_are_made_or_take_the_spelling_of_the_new_owner(
    ada: Person, bob: Person, shared: Json, database: asyncpg.Connection
) -> None:
    await bob.make_label("HOME")
    root = await ada.make_todo("r", labels=["home", "work"])
    child = await ada.make_todo("c", parent_id=root["id"], labels=["deep"])
    trashed = await ada.make_todo("t", parent_id=root["id"], labels=["Home", "gone"])
    await delete(ada, trashed)
    plain = await ada.make_todo("p", parent_id=child["id"])
    log = Log(database, ada)
    await log.new()

    moved = await moved_to(ada, root, last=True, project_id=shared["id"])

    assert moved["labels"] == ["HOME", "work"]
    assert (await read(ada, child))["labels"] == ["deep"]
    assert (await read(ada, plain))["labels"] == []
    assert await _names(bob) == ["deep", "gone", "HOME", "work"]
    assert await _names(ada) == ["deep", "gone", "home", "work"]
    assert await wrongly_labelled(database, bob) == []
    there = [row for row in await log.new() if str(row["project_id"]) == shared["id"]]
    changed = {str(row["resource_id"]): row["changed"] for row in there}
    assert changed[root["id"]]["labels"] == {"from": ["home", "work"], "to": ["HOME", "work"]}
    assert "labels" not in changed[child["id"]]
    of_bob = await database.fetch(
        "SELECT row_after->>'name' AS name FROM changes WHERE event = 'label.created' "
        "AND row_after->>'owner_id' = $1",
        str(bob.id),
    )
    assert {row["name"] for row in of_bob} == {"deep", "gone", "HOME", "work"}

    # They are Bob's now: his new name reaches the todo, and Ada's does not.
    [work] = [one for one in await bob.walk("/v1/labels") if one["name"] == "work"]
    await bob.client.patch(f"/v1/labels/{work['id']}", json={"name": "Job"})
    [mine] = [one for one in await ada.walk("/v1/labels") if one["name"] == "work"]
    await ada.client.patch(f"/v1/labels/{mine['id']}", json={"name": "Office"})
    assert (await read(ada, root))["labels"] == ["HOME", "Job"]
    await assert_consistent(database, ada)


async def test_a_move_within_what_somebody_owns_makes_none(
    ada: Person, shared: Json, database: asyncpg.Connection
) -> None:
    house = await ada.make_project("House")
    todo = await ada.make_todo(labels=["home"])
    await moved_to(ada, todo, last=True, project_id=house["id"])
    assert await _names(ada) == ["home"]
    assert await wrongly_labelled(database, ada) == []


async def test_it_costs_a_round_trip_more(app: FastAPI, ada: Person, shared: Json) -> None:
    async def cost(todo: Json) -> int:
        async with statements(app) as sql:
            await moved_to(ada, todo, last=True, project_id=shared["id"])
        return sum("todos" in each or "labels" in each for each in sql)

    assert await cost(await ada.make_todo(labels=["home"])) == 5
    assert await cost(await ada.make_todo()) == 4


async def test_the_new_owner_gets_no_more_than_the_quota(
    settings: Any, ada: Person, shared: Json
) -> None:
    todo = await ada.make_todo(labels=["a", "b"])
    token, place = ada.tokens["access_token"], {"last": True, "project_id": shared["id"]}
    async with running(settings, quota_labels=1) as app, client_of(app, token) as client:
        answer = await client.post(f"/v1/todos/{todo['id']}/move", json=place)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (409, "quota_exceeded")
    assert problem["params"]["quota"] == "labels"
    assert await read(ada, todo) == todo


async def test_one_that_is_put_on_meanwhile_is_made_too(
    ada: Person,
    bob: Person,
    shared: Json,
    database: asyncpg.Connection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    todo = await ada.make_todo()
    look, puts = TodoRepository.look, ["late"]

    async def looking(self: TodoRepository, side: str, **place: Any) -> Any:
        found = await look(self, side, **place)
        if puts:
            assert (await patch(ada, todo, labels=[puts.pop()])).status_code == 200
        return found

    monkeypatch.setattr(TodoRepository, "look", looking)
    moved = await moved_to(ada, todo, last=True, project_id=shared["id"])
    assert moved["labels"] == ["late"]
    assert await _names(bob) == ["late"]


@pytest.mark.parametrize("deletes", [True, False])
async def test_whoever_changes_one_waits_for_the_move(
    ada: Person, bob: Person, shared: Json, database: asyncpg.Connection, deletes: bool
) -> None:
    label = await bob.make_label("home")
    todo = await ada.make_todo(labels=["home"])
    async with database.transaction():
        await database.execute("SELECT FROM todos WHERE id = $1 FOR UPDATE", todo["id"])
        moving = asyncio.create_task(move(ada, todo, last=True, project_id=shared["id"]))
        await somebody_waits(database)
        url = f"/v1/labels/{label['id']}"
        change = asyncio.create_task(
            bob.client.delete(url) if deletes else bob.client.patch(url, json={"name": "HOUSE"})
        )
    assert (await moving).status_code == 200
    assert (await change).is_success
    assert (await read(ada, todo))["labels"] == ([] if deletes else ["HOUSE"])
    assert await wrongly_labelled(database, bob) == []


@pytest.mark.parametrize("seed", range(2))
async def test_in_a_storm_between_two_owners_each_is_the_owners(
    ada: Person, bob: Person, shared: Json, database: asyncpg.Connection, seed: int
) -> None:
    random = Random(seed)
    garden = await ada.make_project("Garden")
    todos = [await ada.make_todo(project_id=garden["id"], labels=[name]) for name in "abAB"]
    todos += [await ada.make_todo(parent_id=todo["id"], labels=["c"]) for todo in todos]

    async def request() -> Response:
        todo, name = random.choice(todos), random.choice("abcABC")
        match random.randrange(5):
            case 0 | 1:
                place = {"last": True, "project_id": random.choice([garden, shared])["id"]}
                return await move(ada, todo, **place)
            case 2 | 3:
                return await patch(ada, todo, labels=[name])
        person = random.choice([ada, bob])
        labels = await person.walk("/v1/labels")
        if not labels:
            return await person.get("/v1/labels")
        url = f"/v1/labels/{random.choice(labels)['id']}"
        if random.random() < 0.3:
            return await person.client.delete(url)
        return await person.client.patch(url, json={"name": name})

    for _ in range(6):
        answers = await asyncio.gather(*(request() for _ in range(12)))
        assert max(answer.status_code for answer in answers) < 500, [a.text for a in answers]
        for person in (ada, bob):
            assert await wrongly_labelled(database, person) == []
    await assert_consistent(database, ada)


async def test_a_project_that_goes_below_another_root_keeps_its_owner_and_labels(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    root, garden = await ada.make_project("Root"), await ada.make_project("Garden")
    shed = await ada.make_project("Shed", parent_id=garden["id"])
    await share(database, root, bob)
    for project in (garden, shed):
        await make_chain(ada, "ab", project_id=project["id"], labels=["home", project["name"]])

    place = {"last": True, "parent_id": root["id"]}
    answer = await ada.client.post(f"/v1/projects/{garden['id']}/move", json=place)

    assert answer.status_code == 200
    assert await wrongly_labelled(database, ada) == []
    await bob.invalidate()
    seen = (await bob.get(f"/v1/labels?project_id={shed['id']}")).json()["items"]
    assert {label["name"] for label in seen} == {"home", "Shed"}
    assert {label["owner_id"] for label in seen} == {str(ada.id)}
