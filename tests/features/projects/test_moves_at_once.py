"""Moves of projects while others move, archive or delete."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from tests.features.projects.moving import make_row, move, names_of
from tests.locks import everybody_waits, somebody_waits
from tests.people import Person
from tests.roundtrips import statements


async def test_two_moves_in_one_tree_both_count(ada: Person, database: asyncpg.Connection) -> None:
    [r] = await make_row(ada, "r")
    a, b, c = await make_row(ada, "abc", parent_id=r["id"])
    [p] = await make_row(ada, "p", parent_id=a["id"])
    async with database.transaction():
        await database.execute("SELECT FROM projects WHERE id = $1 FOR UPDATE", UUID(p["id"]))
        first = asyncio.create_task(move(ada, a, last=True, parent_id=b["id"]))
        await somebody_waits(database)
        second = asyncio.create_task(move(ada, p, last=True, parent_id=c["id"]))
        await everybody_waits(database, 2)
    assert ((await first).status_code, (await second).status_code) == (200, 200)
    assert (await names_of(ada, b), await names_of(ada, c)) == ("a", "p")


@pytest.mark.parametrize(("method", "status"), [("POST", 201), ("DELETE", 204)])
async def test_who_waited_for_a_tree_takes_the_lock_of_that_where_it_is_now(
    app: FastAPI, ada: Person, database: asyncpg.Connection, method: str, status: int
) -> None:
    a, b = await make_row(ada, "ab")
    [x] = await make_row(ada, "x", parent_id=a["id"])
    url = f"/v1/projects/{x['id']}" if method == "DELETE" else "/v1/projects"
    body = None if method == "DELETE" else {"name": "y", "parent_id": x["id"]}
    async with statements(app) as sql:
        async with database.transaction():
            await database.execute("SELECT FROM projects WHERE id = $1 FOR UPDATE", UUID(x["id"]))
            moving = asyncio.create_task(move(ada, x, last=True, parent_id=b["id"]))
            await somebody_waits(database)
            other = asyncio.create_task(ada.client.request(method, url, json=body))
            await everybody_waits(database, 2)
        assert ((await moving).status_code, (await other).status_code) == (200, status)
    assert len([each for each in sql if "pg_advisory_xact_lock" in each]) == 3


async def test_a_version_that_goes_while_a_move_waits_is_not_moved(
    ada: Person, database: asyncpg.Connection
) -> None:
    a, _ = await make_row(ada, "ab")
    url, precondition = f"/v1/projects/{a['id']}", {"If-Match": '"1"'}
    async with database.transaction():
        await database.execute("UPDATE projects SET version = 2 WHERE id = $1", UUID(a["id"]))
        moving = asyncio.create_task(
            ada.client.post(f"{url}/move", json={"last": True}, headers=precondition)
        )
        await somebody_waits(database)
    answer = await moving
    assert (answer.status_code, answer.headers["ETag"]) == (412, '"2"')


@pytest.mark.parametrize("which", ["moved", "parent"])
@pytest.mark.parametrize(
    ("change", "status"), [("archived = true", 403), ("deleted_at = now()", 404)]
)
async def test_what_changed_while_it_waited_is_judged(
    ada: Person, database: asyncpg.Connection, which: str, change: str, status: int
) -> None:
    a, b = await make_row(ada, "ab")
    changed = a if which == "moved" else b
    async with database.transaction():
        await database.execute(f"UPDATE projects SET {change} WHERE id = $1", UUID(changed["id"]))
        moving = asyncio.create_task(move(ada, a, last=True, parent_id=b["id"]))
        await somebody_waits(database)
    assert (await moving).status_code == status
