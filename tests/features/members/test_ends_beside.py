"""Members who come and go while the account of the project's owner ends."""

import asyncio
from uuid import UUID

import asyncpg
from httpx import Response

from tests.features.members.memberships import problem, role_of, url
from tests.locks import everybody_waits, somebody_waits
from tests.people import PASSWORD, Person, join


async def end(person: Person) -> Response:
    return await person.client.request("DELETE", "/v1/users/me", json={"password": PASSWORD})


async def test_who_leaves_while_it_becomes_the_owner_stays(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    await join(ada, project, bob)
    async with database.transaction():
        held = "SELECT FROM projects WHERE id = $1 FOR UPDATE"
        await database.execute(held, UUID(project["id"]))
        ending = asyncio.create_task(end(ada))
        await somebody_waits(database)
        leaving = asyncio.create_task(bob.client.delete(url(project, bob)))
        await everybody_waits(database, 2)
    assert (await ending).status_code == 204
    assert problem(await leaving) == (409, "owner_cannot_leave")
    assert await role_of(bob, project) == "owner"
