"""Projects that are moved, and the orders that this makes."""

from typing import Any

from tests.people import Json, Person


def move(person: Person, project: Json, **place: Any) -> Any:
    return person.client.post(f"/v1/projects/{project['id']}/move", json=place)


async def moved_to(person: Person, project: Json, **place: Any) -> Json:
    response = await move(person, project, **place)
    assert response.status_code == 200, response.text
    project_after: Json = response.json()
    assert response.headers["etag"] == f'"{project_after["version"]}"'
    assert await read(person, project) == project_after
    return project_after


async def read(person: Person, project: Json) -> Json:
    found: Json = (await person.get(f"/v1/projects/{project['id']}")).json()
    return found


async def names_of(person: Person, parent: Json | None = None) -> str:
    """The siblings in their order, but for the Inbox."""
    parent_id = "none" if parent is None else parent["id"]
    projects = await person.walk("/v1/projects", parent_id=parent_id, sort="position", limit=1)
    return "".join(project["name"] for project in projects if not project["is_inbox"])


async def make_row(person: Person, names: str, **fields: Any) -> list[Json]:
    return [await person.make_project(name, **fields) for name in names]


async def make_chain(person: Person, names: str) -> list[Json]:
    chain: list[Json] = []
    for name in names:
        parent = {"parent_id": chain[-1]["id"]} if chain else {}
        chain.append(await person.make_project(name, **parent))
    return chain
