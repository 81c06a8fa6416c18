"""Labels put on todos while they are renamed and deleted: none is lost, none in an old spelling."""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import asyncpg
import pytest
from httpx import Response

from tests import servers
from tests.features.labels.spelling import wrongly_labelled
from tests.features.todos.trees import assert_consistent
from tests.locks import ends_or_waits_too, somebody_waits
from tests.people import Json, Person


async def _is_right(database: asyncpg.Connection, person: Person) -> bool:
    return await wrongly_labelled(database, person) == []


@asynccontextmanager
async def _held(url: str, sql: str, *arguments: object) -> AsyncIterator[asyncpg.Connection]:
    """Somebody else's transaction, which has done this and waits to be committed."""
    connection = await servers.connect(url)
    try:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(sql, *arguments)
        yield connection
        await transaction.commit()
    finally:
        await connection.close()


def _put(person: Person, todo: Json | None, *labels: str) -> Coroutine[Any, Any, Response]:
    if todo is None:
        return person.client.post("/v1/todos", json={"title": "New", "labels": labels})
    return person.client.patch(f"/v1/todos/{todo['id']}", json={"labels": labels})


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize(
    ("change", "spelt"),
    [
        ("name = 'HOME'", "HOME"),
        ("name = 'x', name_key = 'x'", "home"),
        ("name_key = NULL", "home"),
    ],
    ids=["spelling", "rename", "delete"],
)
async def test_who_puts_one_on_waits_for_who_changes_it(
    ada: Person, database: asyncpg.Connection, settings: Any, is_new: bool, change: str, spelt: str
) -> None:
    label = await ada.make_label("Home")
    todo = None if is_new else await ada.make_todo()
    sql = f"UPDATE labels SET {change} WHERE id = $1"
    async with _held(settings.migration_url, sql, label["id"]):
        request = asyncio.create_task(_put(ada, todo, "home"))
        await somebody_waits(database)
    assert (await request).json()["labels"] == [spelt]
    assert await _is_right(database, ada)


async def test_who_makes_one_waits_for_who_makes_the_same(
    ada: Person, database: asyncpg.Connection, settings: Any
) -> None:
    sql = (
        "INSERT INTO labels (id, owner_id, name, name_key, version, created_at, updated_at) "
        "VALUES (gen_random_uuid(), $1, 'HOME', 'home', 1, now(), now())"
    )
    async with _held(settings.migration_url, sql, ada.id):
        request = asyncio.create_task(_put(ada, None, "home", "other"))
        await somebody_waits(database)
    assert (await request).json()["labels"] == ["HOME", "other"]


@pytest.mark.parametrize("deletes", [True, False])
async def test_who_changes_one_waits_for_who_puts_it_on(
    ada: Person, database: asyncpg.Connection, settings: Any, deletes: bool
) -> None:
    label = await ada.make_label("home")
    todo = await ada.make_todo()
    url = f"/v1/labels/{label['id']}"
    async with _held(
        settings.migration_url, "SELECT FROM todos WHERE id = $1 FOR UPDATE", todo["id"]
    ):
        put = asyncio.create_task(_put(ada, todo, "home"))
        await somebody_waits(database)
        change = asyncio.create_task(
            ada.client.delete(url) if deletes else ada.client.patch(url, json={"name": "HOUSE"})
        )
        await ends_or_waits_too(database, change)
        assert not change.done()
    assert (await put).json()["labels"] == ["home"]
    assert (await change).is_success
    read = (await ada.get(f"/v1/todos/{todo['id']}")).json()
    assert read["labels"] == ([] if deletes else ["HOUSE"])


@pytest.mark.parametrize("stays", [True, False])
async def test_one_that_moves_meanwhile_is_changed_only_where_the_label_is_its_owners(
    ada: Person, bob: Person, database: asyncpg.Connection, settings: Any, stays: bool
) -> None:
    label = await ada.make_label("home")
    todo = await ada.make_todo(labels=["home"])
    project = await (ada if stays else bob).make_project()
    sql = "UPDATE todos SET project_id = $2 WHERE id = $1"
    async with _held(settings.migration_url, sql, todo["id"], project["id"]):
        change = asyncio.create_task(
            ada.client.patch(f"/v1/labels/{label['id']}", json={"name": "house"})
        )
        await somebody_waits(database)
    assert (await change).is_success
    labels = await database.fetchval("SELECT labels FROM todos WHERE id = $1", todo["id"])
    assert labels == (["house"] if stays else ["home"])


async def test_many_who_put_the_same_new_ones_on_make_each_once(
    ada: Person, database: asyncpg.Connection
) -> None:
    names = ["a", "b", "c", "d"]
    orders = [names, names[::-1], ["c", "a"], ["B", "D"]]
    answers = await asyncio.gather(*(_put(ada, None, *orders[n % 4]) for n in range(24)))
    assert {answer.status_code for answer in answers} == {201}
    assert len(await ada.walk("/v1/labels")) == 4
    assert await _is_right(database, ada)


async def _at_once(requests: Iterable[Coroutine[Any, Any, Response]]) -> list[Response]:
    answers = await asyncio.gather(*requests)
    assert max(answer.status_code for answer in answers) < 500, [a.text for a in answers]
    return list(answers)


@pytest.mark.parametrize("seed", range(3))
async def test_in_a_storm_each_label_on_a_todo_is_there_and_spelt_so(
    ada: Person, database: asyncpg.Connection, seed: int
) -> None:
    random = Random(seed)
    names = [name for letter in "abcd" for name in (letter, letter.upper())]
    root = await ada.make_todo()
    todos = [root, *[await ada.make_todo(parent_id=root["id"]) for _ in range(4)]]

    def put() -> Coroutine[Any, Any, Response]:
        some = {name.lower(): name for name in random.sample(names, random.randint(0, 3))}
        todo = random.choice([None, *todos])
        if todo is not None and random.random() < 0.2:
            done = random.random() < 0.5
            return ada.client.patch(f"/v1/todos/{todo['id']}", json={"completed": done})
        return _put(ada, todo, *some.values())

    def change(label: Json) -> Coroutine[Any, Any, Response]:
        url = f"/v1/labels/{label['id']}"
        if random.random() < 0.3:
            return ada.client.delete(url)
        return ada.client.patch(url, json={"name": random.choice(names)})

    for _ in range(6):
        labels = await ada.walk("/v1/labels")
        changes = [change(random.choice(labels)) for _ in range(6)] if labels else []
        requests = [*changes, *(put() for _ in range(12))]
        random.shuffle(requests)
        await _at_once(requests)
        assert await _is_right(database, ada)
    await assert_consistent(database, ada)
    held = "SELECT count(*) FROM labels WHERE owner_id = $1 AND name_key IS NOT NULL"
    assert await database.fetchval(held, ada.id) == len(await ada.walk("/v1/labels"))
