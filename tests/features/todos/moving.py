"""Moves that succeed, the order and the counts after them, and what is refused."""

from typing import Any

from httpx import Response

from tests.features.todos.trees import move, read
from tests.people import Json, Person


async def moved_to(person: Person, todo: Json, **place: Any) -> Json:
    response = await move(person, todo, **place)
    assert response.status_code == 200, response.text
    moved: Json = response.json()
    assert response.headers["etag"] == f'"{moved["version"]}"'
    return moved


async def titles(person: Person, project: Json, parent: Json | None = None) -> list[str]:
    """The siblings in their order."""
    parent_id = "none" if parent is None else parent["id"]
    url = f"/v1/todos?project_id={project['id']}&parent_id={parent_id}&sort=position&limit=200"
    return [todo["title"] for todo in (await person.get(url)).json()["items"]]


async def counts(person: Person, todo: Json) -> tuple[bool, int, int]:
    now = await read(person, todo)
    return now["completed"], now["subtask_count"], now["completed_subtask_count"]


def error(response: Response) -> tuple[int, str, list[str]]:
    problem = response.json()
    return response.status_code, problem["code"], [each["pointer"] for each in problem["errors"]]


async def make_row(person: Person, project: Json, names: str, **fields: Any) -> list[Json]:
    """A todo for each letter."""
    fields = {"project_id": project["id"], **fields}
    return [await person.make_todo(name, **fields) for name in names]


async def make_chain(person: Person, names: str, **fields: Any) -> list[Json]:
    chain: list[Json] = []
    for name in names:
        parent = {"parent_id": chain[-1]["id"]} if chain else fields
        chain.append(await person.make_todo(name, **parent))
    return chain
