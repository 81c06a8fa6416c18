"""Requests that change a tree of todos, and what must hold of the tree afterwards."""

from collections.abc import Coroutine
from typing import Any

import asyncpg
from httpx import Response

from tests.people import Json, Person

Answer = Coroutine[Any, Any, Response]


def create(person: Person, parent: Json, **fields: Any) -> Answer:
    return person.client.post(
        "/v1/todos", json={"title": "Subtask", "parent_id": parent["id"], **fields}
    )


def patch(person: Person, todo: Json, **fields: Any) -> Answer:
    return person.client.patch(f"/v1/todos/{todo['id']}", json=fields)


def move(person: Person, todo: Json, **place: Any) -> Answer:
    return person.client.post(f"/v1/todos/{todo['id']}/move", json=place)


def delete(person: Person, todo: Json) -> Answer:
    return person.client.delete(f"/v1/todos/{todo['id']}")


async def read(person: Person, todo: Json) -> Json:
    read: Json = (await person.get(f"/v1/todos/{todo['id']}")).json()
    return read


async def assert_consistent(
    database: asyncpg.Connection, person: Person, *, is_logged: bool = True
) -> None:
    """Counts count, and nothing open or alive is below what is completed or deleted.

    Each version has left its change, unless something that it was in may have been purged.
    """
    orphans = await database.fetch(
        "SELECT child.id FROM todos child JOIN todos parent ON parent.id = child.parent_id "
        "WHERE child.created_by = $1 AND child.deleted_at IS NULL "
        "AND parent.deleted_at IS NOT NULL",
        person.id,
    )
    assert orphans == []
    opened = await database.fetch(
        "SELECT child.id FROM todos child JOIN todos parent ON parent.id = child.parent_id "
        "WHERE child.created_by = $1 AND child.deleted_at IS NULL AND child.completed_at IS NULL "
        "AND parent.completed_at IS NOT NULL",
        person.id,
    )
    assert opened == []
    wrong = await database.fetch(
        "SELECT parent.* FROM todos parent LEFT JOIN LATERAL ("
        "  SELECT count(*) AS subtasks, count(completed_at) AS completed FROM todos child "
        "  WHERE child.parent_id = parent.id AND child.deleted_at IS NULL) counted ON true "
        "WHERE parent.created_by = $1 AND parent.deleted_at IS NULL "
        "AND (subtask_count, completed_subtask_count) <> (subtasks, completed)",
        person.id,
    )
    assert wrong == []
    if not is_logged:
        return
    unlogged = await database.fetch(
        "SELECT todo.id FROM todos todo WHERE created_by = $1 AND version <> ("
        "  SELECT count(DISTINCT row_after->'version') FROM changes WHERE resource_id = todo.id)",
        person.id,
    )
    assert unlogged == []
