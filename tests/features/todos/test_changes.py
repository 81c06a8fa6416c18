"""Every write of a todo leaves its row of `changes`: what happened, by whom, and what is now."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest
from httpx import Response

from tests.features.todos.changes import Change, Log
from tests.people import Json, Person, share


@pytest.fixture
async def log(database: asyncpg.Connection, ada: Person) -> Log:
    return Log(database, ada)


def _summary(changes: list[Change]) -> list[tuple[str, str, list[str]]]:
    """What happened to which title, in no particular order: all of it happens at once."""
    return sorted(
        (change["event"], change["row_after"]["title"], sorted(change["changed"]))
        for change in changes
    )


async def _patch(person: Person, todo: Json, **fields: Any) -> Response:
    return await person.client.patch(f"/v1/todos/{todo['id']}", json=fields)


async def test_a_new_todo_is_a_change(ada: Person, log: Log) -> None:
    response = await ada.client.post(
        "/v1/todos", json={"title": "New", "priority": "low"}, headers={"X-Request-Id": "r-1"}
    )

    todo = response.json()
    [change] = await log.new()
    assert change == {
        "id": change["id"],
        "sequence": None,
        "resource_type": "todo",
        "resource_id": UUID(todo["id"]),
        "project_id": UUID(todo["project_id"]),
        "actor_id": ada.id,
        "request_id": "r-1",
        "event": "todo.created",
        "changed": {},
        "row_after": todo,
        "created_at": change["created_at"],
        "incidental": False,
    }
    assert change["created_at"].isoformat(timespec="milliseconds") == todo["updated_at"].replace(
        "Z", "+00:00"
    )


async def test_the_request_id_is_the_one_that_was_answered(ada: Person, log: Log) -> None:
    response = await ada.client.post("/v1/todos", json={"title": "New"})

    [change] = await log.new()
    assert change["request_id"] == response.headers["x-request-id"]


_PATCHES: list[tuple[Json, dict[str, tuple[Any, Any]]]] = [
    ({"title": "New"}, {"title": ("Old", "New")}),
    ({"description": "D"}, {"description": (None, "D")}),
    ({"due": None}, {"due": ({"date": "2026-11-30"}, None)}),
    ({"due": {"date": "2026-12-01"}}, {"due": ({"date": "2026-11-30"}, {"date": "2026-12-01"})}),
    (
        {"title": "New", "priority": "high", "description": None},
        {"title": ("Old", "New"), "priority": ("low", "high")},
    ),
]


async def test_a_patch_leaves_what_changed_from_what_to_what(ada: Person, log: Log) -> None:
    for patch, changed in _PATCHES:
        todo = await ada.make_todo("Old", priority="low", due={"date": "2026-11-30"})
        await log.new()

        response = await _patch(ada, todo, **patch)

        [change] = await log.new()
        assert change["event"] == "todo.updated"
        assert change["changed"] == {
            name: {"from": old, "to": new} for name, (old, new) in changed.items()
        }
        assert change["row_after"] == response.json()
        assert change["resource_id"] == UUID(todo["id"])
        assert change["project_id"] == UUID(todo["project_id"])
        assert change["request_id"] == response.headers["x-request-id"]


async def test_completing_and_reopening_are_events_of_their_own(ada: Person, log: Log) -> None:
    todo = await ada.make_todo("Old")
    await log.new()

    completed = (await _patch(ada, todo, completed=True)).json()
    [change] = await log.new()
    assert change["event"] == "todo.completed"
    assert change["changed"] == {
        "completed": {"from": False, "to": True},
        "completed_at": {"from": None, "to": completed["completed_at"]},
    }
    assert change["row_after"] == completed

    await _patch(ada, todo, completed=False, title="New")
    assert _summary(await log.new()) == [
        ("todo.reopened", "New", ["completed", "completed_at", "title"])
    ]

    await _patch(ada, todo, completed=False, title="Newer")
    assert _summary(await log.new()) == [("todo.updated", "Newer", ["title"])]


async def test_a_new_completed_todo_is_one_event(ada: Person, log: Log) -> None:
    await ada.make_todo("Done", completed=True)

    assert _summary(await log.new()) == [("todo.created", "Done", [])]


async def test_a_subtask_changes_its_parent_too(ada: Person, log: Log) -> None:
    parent = await ada.make_todo("Parent")
    await log.new()

    child = await ada.make_todo("Child", parent_id=parent["id"])
    changes = await log.new()
    assert _summary(changes) == [
        ("todo.created", "Child", []),
        ("todo.updated", "Parent", ["subtask_count"]),
    ]
    assert len({change["request_id"] for change in changes}) == 1
    [of_parent] = [change for change in changes if change["event"] == "todo.updated"]
    assert of_parent["row_after"] == (await ada.get(f"/v1/todos/{parent['id']}")).json()

    await _patch(ada, child, completed=True)
    assert _summary(await log.new()) == [
        ("todo.completed", "Child", ["completed", "completed_at"]),
        ("todo.updated", "Parent", ["completed_subtask_count"]),
    ]
    await _patch(ada, child, title="Kid")
    assert _summary(await log.new()) == [("todo.updated", "Kid", ["title"])]

    await ada.client.delete(f"/v1/todos/{child['id']}")
    assert _summary(await log.new()) == [
        ("todo.trashed", "Kid", ["deleted_at"]),
        ("todo.updated", "Parent", ["completed_subtask_count", "subtask_count"]),
    ]


async def test_a_delete_leaves_a_change_for_each_todo_that_went(
    ada: Person, log: Log, database: asyncpg.Connection
) -> None:
    root = await ada.make_todo("Root")
    child = await ada.make_todo("Child", parent_id=root["id"])
    await ada.make_todo("Grandchild", parent_id=child["id"])
    before = (await ada.get(f"/v1/todos/{root['id']}")).json()
    await log.new()

    response = await ada.client.delete(f"/v1/todos/{root['id']}")

    changes = await log.new()
    assert _summary(changes) == [
        ("todo.trashed", name, ["deleted_at"]) for name in ("Child", "Grandchild", "Root")
    ]
    assert {change["request_id"] for change in changes} == {response.headers["x-request-id"]}
    [of_root] = [change for change in changes if change["resource_id"] == UUID(root["id"])]
    deleted_at = of_root["row_after"]["deleted_at"]
    assert of_root["changed"]["deleted_at"] == {"from": None, "to": deleted_at}
    assert of_root["row_after"] == {
        **before,
        "version": before["version"] + 1,
        "updated_at": deleted_at,
        "deleted_at": deleted_at,
    }
    assert deleted_at is not None


async def test_what_changes_nothing_leaves_no_change(ada: Person, log: Log) -> None:
    todo = await ada.make_todo("Old", completed=True)
    url = f"/v1/todos/{todo['id']}"
    await log.new()

    for patch in ({}, {"title": "Old"}, {"completed": True}, {"title": " Old ", "due": None}):
        assert (await ada.client.patch(url, json=patch)).json()["version"] == 1
    await ada.get(url)
    await ada.get("/v1/todos")

    assert await log.new() == []


async def test_a_write_that_fails_leaves_no_change(
    ada: Person, bob: Person, log: Log, database: asyncpg.Connection
) -> None:
    deepest = todo = await ada.make_todo("Old")
    for _ in range(4):
        deepest = await ada.make_todo(parent_id=deepest["id"])
    theirs = Log(database, bob)
    await log.new()

    url, tag = f"/v1/todos/{todo['id']}", {"If-Match": '"99"'}
    refused = [
        await ada.client.post("/v1/todos", json={"title": "T", "id": todo["id"]}),
        await ada.client.post("/v1/todos", json={"title": "T", "parent_id": deepest["id"]}),
        await ada.client.post(
            "/v1/todos", json={"title": "T", "id": todo["id"], "parent_id": todo["id"]}
        ),
        await ada.client.post("/v1/todos", json={"title": "T", "parent_id": str(bob.id)}),
        await ada.client.post("/v1/todos", json={"title": "T", "project_id": str(bob.id)}),
        await ada.client.patch(url, json={"title": "New"}, headers=tag),
        await ada.client.delete(url, headers=tag),
        await bob.client.patch(url, json={"title": "New"}),
        await bob.client.delete(url),
    ]

    assert [response.status_code for response in refused] == [
        409, 422, 409, 404, 404, 412, 412, 404, 404,
    ]  # fmt: skip
    assert await log.new() == []
    assert await theirs.new() == []


async def test_the_actor_is_who_did_it_not_whose_it_is(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo("Old", project_id=project["id"])
    await share(database, project, bob)

    await _patch(bob, todo, title="New")

    [change] = await Log(database, bob).new()
    assert (change["event"], change["row_after"]["created_by"]) == ("todo.updated", str(ada.id))
