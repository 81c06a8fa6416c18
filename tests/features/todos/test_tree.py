"""Subtasks: five levels with the root, in one project, counted by their parents."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest
from httpx import Response

from app.core.clock import new_id
from app.database.pool import PooledConnection
from app.features.todos.sql import writes
from tests.people import Json, Person


async def _chain(person: Person, length: int = 5, **fields: Any) -> list[Json]:
    """A root, its subtask, and so on."""
    chain: list[Json] = []
    for level in range(length):
        parent = {"parent_id": chain[-1]["id"]} if chain else fields
        chain.append(await person.make_todo(f"Level {level + 1}", **parent))
    return chain


async def _create(person: Person, **fields: object) -> Response:
    return await person.client.post("/v1/todos", json={"title": "Subtask", **fields})


async def _read(person: Person, todo: Json) -> Json:
    response = await person.get(f"/v1/todos/{todo['id']}")
    assert response.status_code == 200, response.text
    read: Json = response.json()
    return read


async def _counts(person: Person, todo: Json) -> tuple[int, int]:
    read = await _read(person, todo)
    return read["subtask_count"], read["completed_subtask_count"]


def _error(response: Response) -> tuple[int, str, str]:
    problem = response.json()
    [error] = problem["errors"]
    assert error["code"] == problem["code"]
    return response.status_code, problem["code"], error["pointer"]


async def test_five_levels_are_the_most(ada: Person) -> None:
    chain = await _chain(ada)

    response = await _create(ada, parent_id=chain[-1]["id"])

    assert _error(response) == (422, "too_deep", "/parent_id")
    assert (await _read(ada, chain[-1])) == chain[-1]


async def test_a_parent_that_is_not_there_is_404(ada: Person) -> None:
    deleted = await ada.make_todo()
    await ada.client.delete(f"/v1/todos/{deleted['id']}")
    own_id = str(new_id())

    for fields in ({"parent_id": str(new_id())}, {"parent_id": deleted["id"]}):
        response = await _create(ada, **fields)
        assert _error(response) == (404, "parent_not_found", "/parent_id")
    response = await _create(ada, id=own_id, parent_id=own_id)
    assert _error(response) == (404, "parent_not_found", "/parent_id")
    assert (await ada.get("/v1/todos")).json()["items"] == []


async def test_a_subtask_cannot_be_in_another_project_than_its_parent(ada: Person) -> None:
    parent, other = await ada.make_todo(), await ada.make_project()

    same = await _create(ada, parent_id=parent["id"], project_id=parent["project_id"])
    elsewhere = await _create(ada, parent_id=parent["id"], project_id=other["id"])

    assert same.status_code == 201
    assert _error(elsewhere) == (422, "parent_in_other_project", "/parent_id")
    assert await _counts(ada, parent) == (1, 0)


async def test_a_parent_counts_its_subtasks_but_not_theirs(ada: Person) -> None:
    root = await ada.make_todo()
    child = await ada.make_todo(parent_id=root["id"])
    await ada.make_todo(parent_id=root["id"], completed=True)
    await ada.make_todo(parent_id=child["id"], completed=True)

    assert await _counts(ada, root) == (2, 1)
    assert await _counts(ada, child) == (1, 1)


async def test_completing_reopening_and_deleting_a_subtask_is_counted(ada: Person) -> None:
    root = await ada.make_todo()
    child = await ada.make_todo(parent_id=root["id"])
    url = f"/v1/todos/{child['id']}"

    await ada.client.patch(url, json={"completed": True})
    assert await _counts(ada, root) == (1, 1)
    await ada.client.patch(url, json={"completed": True})
    assert await _counts(ada, root) == (1, 1)
    await ada.client.patch(url, json={"completed": False})
    assert await _counts(ada, root) == (1, 0)
    await ada.client.patch(url, json={"completed": True, "title": "Done"})
    await ada.client.delete(url)
    assert await _counts(ada, root) == (0, 0)


async def test_what_changes_a_parents_counts_raises_its_version(ada: Person) -> None:
    root = await ada.make_todo()
    child = await ada.make_todo(parent_id=root["id"])
    url = f"/v1/todos/{child['id']}"
    versions = [(await _read(ada, root))["version"]]

    for body in ({"completed": True}, {"completed": True}, {"title": "Other"}):
        await ada.client.patch(url, json=body)
        versions.append((await _read(ada, root))["version"])
    await ada.client.delete(url)
    versions.append((await _read(ada, root))["version"])

    assert versions == [2, 3, 3, 3, 4]


async def test_a_todo_takes_all_below_it_along(ada: Person) -> None:
    chain = await _chain(ada)
    sibling = await ada.make_todo(parent_id=chain[0]["id"])

    response = await ada.client.delete(f"/v1/todos/{chain[1]['id']}")

    assert response.status_code == 204
    for todo in chain[1:]:
        assert (await ada.get(f"/v1/todos/{todo['id']}")).status_code == 404
    assert await _counts(ada, chain[0]) == (1, 0)
    assert [todo["id"] for todo in (await ada.get("/v1/todos")).json()["items"]] == [
        sibling["id"],
        chain[0]["id"],
    ]


async def test_one_time_and_one_raised_version_mark_all_that_is_deleted_at_once(
    ada: Person, database: asyncpg.Connection
) -> None:
    root, *below = await _chain(ada, 3)
    lost = await ada.make_todo(parent_id=root["id"])
    await ada.client.delete(f"/v1/todos/{lost['id']}")
    before = await _row(database, lost)

    await ada.client.delete(f"/v1/todos/{root['id']}")

    assert len({(await _row(database, todo))["deleted_at"] for todo in (root, *below)}) == 1
    assert (await _row(database, below[-1]))["version"] == below[-1]["version"] + 1
    assert await _row(database, lost) == before


async def _row(database: asyncpg.Connection, todo: Json) -> asyncpg.Record:
    row = await database.fetchrow("SELECT * FROM todos WHERE id = $1", UUID(todo["id"]))
    assert row is not None
    return row


# What no request can do, SQL cannot either: parameters are the ids of a chain of five, another
# todo of the project, and another project.
_BREAKING = {
    "a sixth level": "parent_id = $5, depth = 6 WHERE id = $6",
    "a level left out": "parent_id = $2, depth = 4 WHERE id = $6",
    "a level of its own": "depth = 2 WHERE id = $6",
    "a root with a parent": "parent_id = $1 WHERE id = $6",
    "a subtask without one": "parent_id = NULL WHERE id = $2",
    "itself as its parent": "parent_id = $6, depth = 2 WHERE id = $6",
    "a cycle of two": "parent_id = $2, depth = 3 WHERE id = $1",
    "a cycle of five": "parent_id = $5, depth = 5 WHERE id = $1",
    "a whole cycle at once": (
        "parent_id = CASE id WHEN $1 THEN $2 ELSE $1 END, depth = 2 WHERE id IN ($1, $2)"
    ),
    "a parent that is not there": "parent_id = gen_random_uuid(), depth = 2 WHERE id = $6",
    "another project than its parent's": "project_id = $7 WHERE id = $5",
    "another project than its subtasks'": "project_id = $7 WHERE id = $1",
    "a project that is not there": "project_id = gen_random_uuid() WHERE id = $6",
    "more completed subtasks than subtasks": "completed_subtask_count = 1 WHERE id = $6",
    "fewer than no subtasks": "subtask_count = -1, completed_subtask_count = -1 WHERE id = $6",
    "a priority that has no name": "priority = 5 WHERE id = $6",
}


async def test_the_database_refuses_what_breaks_a_tree(
    ada: Person, database: asyncpg.Connection
) -> None:
    chain, other, project = await _chain(ada), await ada.make_todo(), await ada.make_project()
    ids = [UUID(row["id"]) for row in (*chain, other, project)]
    # Every parameter is named, so that each statement takes all of them.
    named = ", ".join(f"${number}::uuid" for number in range(1, 8))

    for what, assignment in _BREAKING.items():
        statement = f"WITH ids AS (SELECT {named}) UPDATE todos SET {assignment} -- {what}"
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await database.execute(statement, *ids)


async def test_the_database_keeps_a_parent_that_has_subtasks(
    ada: Person, database: asyncpg.Connection
) -> None:
    root, _ = await _chain(ada, 2)

    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await database.execute("DELETE FROM todos WHERE id = $1", UUID(root["id"]))


async def test_of_a_deleted_tree_one_row_is_answered(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = await _chain(ada)
    answered: list[int] = []
    fetch = PooledConnection.fetch

    async def noted(connection: PooledConnection, statement: Any, arguments: Any) -> Any:
        rows = await fetch(connection, statement, arguments)
        if statement is writes.UPDATE:
            answered.append(len(rows))
        return rows

    monkeypatch.setattr(PooledConnection, "fetch", noted)
    response = await ada.client.delete(f"/v1/todos/{chain[1]['id']}")

    assert (response.status_code, answered) == (204, [1])
    assert await _counts(ada, chain[0]) == (0, 0)
