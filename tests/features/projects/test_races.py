"""Many requests at once on one project: nothing is lost, and each is judged by what it finds."""

import asyncio
from collections import Counter
from uuid import UUID

import asyncpg
import pytest
from httpx import Response

from tests.locks import ends_or_waits_too, somebody_waits
from tests.people import Json, Person, share


async def _patch_while(
    ada: Person, database: asyncpg.Connection, project: Json, change: str, patch: Json
) -> Response:
    """The answer to a patch that began before another change was there, and went on after it."""
    async with database.transaction():
        await database.execute(
            f"UPDATE projects SET {change}, version = version + 1 WHERE id = $1",
            UUID(project["id"]),
        )
        patching = asyncio.create_task(
            ada.client.patch(f"/v1/projects/{project['id']}", json=patch)
        )
        await somebody_waits(database)
    return await patching


async def test_a_patch_that_waited_for_another_is_not_lost(
    ada: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project("First")

    response = await _patch_while(ada, database, project, "name = 'Second'", {"name": "First"})

    assert (response.json()["name"], response.json()["version"]) == ("First", 3)


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [("deleted_at = now()", 404, "not_found"), ("archived = true", 403, "project_archived")],
)
async def test_a_patch_that_waited_for_the_end_comes_too_late(
    ada: Person, database: asyncpg.Connection, change: str, status: int, code: str
) -> None:
    project = await ada.make_project("First")

    response = await _patch_while(ada, database, project, change, {"name": "Second"})

    assert (response.status_code, response.json()["code"]) == (status, code)
    name = await database.fetchval("SELECT name FROM projects WHERE id = $1", UUID(project["id"]))
    assert name == "First"


async def test_of_twenty_patches_with_one_etag_exactly_one_is_done(ada: Person) -> None:
    project = await ada.make_project()
    url = f"/v1/projects/{project['id']}"

    responses = await asyncio.gather(
        *(
            ada.client.patch(url, json={"name": f"Number {number}"}, headers={"If-Match": '"1"'})
            for number in range(20)
        )
    )

    assert Counter(response.status_code for response in responses) == {200: 1, 412: 19}
    [done] = [response for response in responses if response.status_code == 200]
    assert (await ada.get(url)).json() == done.json()


async def test_no_project_is_added_to_a_tree_while_it_is_being_deleted(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    # The tree is of two owners: what is Bob's is below what is Ada's.
    root = await ada.make_project()
    await share(database, root, bob)
    middle = await bob.make_project(parent_id=root["id"])
    leaf = await bob.make_project(parent_id=middle["id"])

    async with database.transaction():
        await database.execute("SELECT FROM projects WHERE id = $1 FOR UPDATE", UUID(leaf["id"]))
        deleting = asyncio.create_task(ada.client.delete(f"/v1/projects/{root['id']}"))
        await somebody_waits(database)
        creating = asyncio.create_task(
            bob.client.post("/v1/projects", json={"name": "N", "parent_id": middle["id"]})
        )
        await ends_or_waits_too(database, creating)

    assert ((await deleting).status_code, (await creating).status_code) == (204, 404)
    assert [p["name"] for p in (await bob.get("/v1/projects")).json()["items"]] == ["Inbox"]
