"""What the tests of members ask for."""

import asyncpg
from httpx import Response

from tests.people import Json, Person


def url(project: Json, person: Person | None = None) -> str:
    address = f"/v1/projects/{project['id']}/members"
    return address if person is None else f"{address}/{person.id}"


def problem(response: Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def role_of(person: Person, project: Json) -> str | None:
    """None: the project is not seen."""
    response = await person.get(f"/v1/projects/{project['id']}")
    return None if response.status_code == 404 else str(response.json()["role"])


async def tree(person: Person) -> tuple[Json, Json, Json]:
    """A project, one below it, and one below that."""
    root = await person.make_project("Root")
    middle = await person.make_project("Middle", parent_id=root["id"])
    return root, middle, await person.make_project("Leaf", parent_id=middle["id"])


async def transfer(owner: Person, project: Json, person: Person) -> Response:
    address = f"/v1/projects/{project['id']}/transfer"
    return await owner.client.post(address, json={"user_id": str(person.id)})


async def changes_of(database: asyncpg.Connection, person: Person) -> list[asyncpg.Record]:
    """What is told of somebody's memberships."""
    return await database.fetch(
        "SELECT event, project_id, actor_id, changed, row_after FROM changes "
        "WHERE resource_type = 'member' AND resource_id = $1 ORDER BY id",
        person.id,
    )
