"""Comments beside what others do to their todo."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import pytest
from httpx import Response

from app.core.settings import Settings
from tests import servers
from tests.locks import somebody_waits
from tests.people import Json, Person, share


@asynccontextmanager
async def _moving(settings: Settings, todo: Json, project: Json) -> AsyncIterator[None]:
    """A move of the todo by somebody else, which is committed when the block ends."""
    connection = await servers.connect(settings.migration_url)
    try:
        async with connection.transaction():
            await connection.execute(
                "UPDATE todos SET project_id = $2, position = 'x' WHERE id = $1",
                UUID(todo["id"]),
                UUID(project["id"]),
            )
            yield
    finally:
        await connection.close()


@pytest.mark.parametrize("way", ["POST", "PATCH", "DELETE"])
@pytest.mark.parametrize("is_seen", [True, False])
async def test_a_write_waits_for_a_move_and_is_told_where_the_todo_is(
    settings: Settings,
    ada: Person,
    bob: Person,
    database: asyncpg.Connection,
    way: str,
    is_seen: bool,
) -> None:
    here, there = await ada.make_project(), await ada.make_project()
    for project in (here, there) if is_seen else (here,):
        await share(database, project, bob)
    todo = await ada.make_todo(project_id=here["id"])
    url = f"/v1/todos/{todo['id']}/comments"
    if way != "POST":
        url += f"/{(await bob.make_comment(todo))['id']}"
    async with _moving(settings, todo, there):
        body = None if way == "DELETE" else {"body": "late"}
        request = asyncio.create_task(bob.client.request(way, url, json=body))
        await somebody_waits(database)
    response: Response = await request
    if not is_seen:
        assert response.status_code == 404
        return
    assert response.is_success
    place = "SELECT project_id FROM changes WHERE actor_id = $1 ORDER BY id DESC LIMIT 1"
    assert str(await database.fetchval(place, bob.id)) == there["id"]


async def test_a_write_waits_for_no_change_of_the_todo(
    settings: Settings, ada: Person, database: asyncpg.Connection
) -> None:
    todo = await ada.make_todo()
    async with database.transaction():
        await database.execute(
            "SELECT FROM todos WHERE id = $1 FOR NO KEY UPDATE", UUID(todo["id"])
        )
        await ada.make_comment(todo)


async def test_of_many_changes_at_once_none_is_lost(ada: Person) -> None:
    todo = await ada.make_todo()
    comment = await ada.make_comment(todo)
    url = f"/v1/todos/{todo['id']}/comments/{comment['id']}"
    answers = await asyncio.gather(
        *(ada.client.patch(url, json={"body": f"{n}"}) for n in range(10)),
        *(ada.client.post(url.rpartition("/")[0], json={"body": "x"}) for _ in range(10)),
        ada.client.patch(f"/v1/todos/{todo['id']}", json={"title": "Other"}),
    )
    versions = sorted(answer.json()["version"] for answer in answers[:10])
    assert versions == [*range(2, 12)]
    assert len((await ada.get(f"/v1/todos/{todo['id']}/comments")).json()["items"]) == 11


async def test_one_is_deleted_once(ada: Person) -> None:
    comment = await ada.make_comment(await ada.make_todo())
    url = f"/v1/todos/{comment['todo_id']}/comments/{comment['id']}"
    answers = await asyncio.gather(*(ada.client.delete(url) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [204, 404, 404, 404, 404]
