"""Projects below projects: five levels with the root, deleted together."""

import asyncio
from collections import Counter
from uuid import UUID

import asyncpg
import pytest

from app.core.clock import new_id
from tests.people import Json, Person


async def _chain(person: Person, length: int = 5) -> list[Json]:
    chain = [await person.make_project("Level 1")]
    while len(chain) < length:
        name = f"Level {len(chain) + 1}"
        chain.append(await person.make_project(name, parent_id=chain[-1]["id"]))
    return chain


async def test_five_levels_are_the_most(ada: Person) -> None:
    chain = await _chain(ada)

    response = await ada.client.post(
        "/v1/projects", json={"name": "Level 6", "parent_id": chain[-1]["id"]}
    )

    assert (response.status_code, response.json()["code"]) == (422, "project_too_deep")
    assert response.json()["errors"][0]["pointer"] == "/parent_id"
    assert [project["parent_id"] for project in chain] == [
        None,
        *(project["id"] for project in chain[:-1]),
    ]


async def test_a_parent_that_is_not_there_is_404(ada: Person) -> None:
    deleted, own_id = await ada.make_project(), str(new_id())
    await ada.client.delete(f"/v1/projects/{deleted['id']}")

    for project_id, parent_id in ((None, deleted["id"]), (None, str(new_id())), (own_id, own_id)):
        response = await ada.client.post(
            "/v1/projects", json={"id": project_id, "name": "N", "parent_id": parent_id}
        )
        assert (response.status_code, response.json()["code"]) == (404, "project_not_found")
        assert response.json()["errors"][0]["pointer"] == "/parent_id"


async def test_a_project_takes_all_below_it_along(ada: Person) -> None:
    chain = await _chain(ada)
    await ada.make_project("Beside", parent_id=chain[0]["id"])
    todo = await ada.make_todo(project_id=chain[-1]["id"])

    response = await ada.client.delete(f"/v1/projects/{chain[1]['id']}")

    assert response.status_code == 204
    for project in chain[1:]:
        assert (await ada.get(f"/v1/projects/{project['id']}")).status_code == 404
    assert (await ada.get(f"/v1/todos/{todo['id']}")).status_code == 404
    left = (await ada.get("/v1/projects")).json()["items"]
    assert sorted(project["name"] for project in left) == ["Beside", "Inbox", "Level 1"]


# Parameters: the ids of a chain of five, and another project.
_BREAKING = {
    "a sixth level": "parent_id = $5, depth = 6 WHERE id = $6",
    "a level left out": "parent_id = $2, depth = 4 WHERE id = $6",
    "a root with a parent": "parent_id = $1 WHERE id = $6",
    "a level without a parent": "parent_id = NULL WHERE id = $2",
    "itself as its parent": "parent_id = $6, depth = 2 WHERE id = $6",
    "a cycle of two": "parent_id = $2, depth = 3 WHERE id = $1",
    "a whole cycle at once": (
        "parent_id = CASE id WHEN $1 THEN $2 ELSE $1 END, depth = 2 WHERE id IN ($1, $2)"
    ),
    "a parent that is not there": "parent_id = gen_random_uuid(), depth = 2 WHERE id = $6",
}


async def test_the_database_refuses_what_breaks_a_tree(
    ada: Person, database: asyncpg.Connection
) -> None:
    ids = [UUID(row["id"]) for row in (*await _chain(ada), await ada.make_project())]
    # Every parameter is named, so that each statement takes all of them.
    named = ", ".join(f"${number}::uuid" for number in range(1, 7))

    for what, assignment in _BREAKING.items():
        statement = f"WITH ids AS (SELECT {named}) UPDATE projects SET {assignment} -- {what}"
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await database.execute(statement, *ids)


async def test_of_two_deletes_at_once_one_finds_it(ada: Person) -> None:
    chain = await _chain(ada, 3)

    responses = await asyncio.gather(
        *(ada.client.delete(f"/v1/projects/{chain[0]['id']}") for _ in range(10))
    )

    assert Counter(response.status_code for response in responses) == {204: 1, 404: 9}
