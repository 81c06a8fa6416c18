"""Every write of a project leaves its row of `changes`."""

from uuid import UUID

import asyncpg
import pytest

from tests.features.todos.changes import Log
from tests.people import Json, Person, share


@pytest.fixture
async def log(database: asyncpg.Connection, ada: Person) -> Log:
    """What Ada does to projects from now on."""
    log = Log(database, ada, "project")
    await log.new()
    return log


def _shared(project: Json) -> Json:
    """The project as all see it: a role is somebody's."""
    return {name: value for name, value in project.items() if name != "role"}


async def test_a_new_project_is_a_change(ada: Person, log: Log) -> None:
    response = await ada.client.post(
        "/v1/projects", json={"name": "New"}, headers={"X-Request-Id": "r-1"}
    )

    project = response.json()
    [change] = await log.new()
    assert change == {
        "id": change["id"],
        "sequence": None,
        "resource_type": "project",
        "resource_id": UUID(project["id"]),
        "project_id": UUID(project["id"]),
        "actor_id": ada.id,
        "request_id": "r-1",
        "event": "project.created",
        "changed": {},
        "row_after": _shared(project),
        "created_at": change["created_at"],
        "incidental": False,
    }


async def test_a_patch_leaves_what_changed_from_what_to_what(ada: Person, log: Log) -> None:
    project = await ada.make_project("Old", color="#000000")
    await log.new()

    response = await ada.client.patch(
        f"/v1/projects/{project['id']}", json={"name": "New", "color": None, "archived": True}
    )

    [change] = await log.new()
    assert change["event"] == "project.updated"
    assert change["changed"] == {
        "name": {"from": "Old", "to": "New"},
        "color": {"from": "#000000", "to": None},
        "archived": {"from": False, "to": True},
    }
    assert change["row_after"] == _shared(response.json())
    assert change["request_id"] == response.headers["x-request-id"]


async def test_a_delete_leaves_a_change_for_each_project_that_went(ada: Person, log: Log) -> None:
    root = await ada.make_project("Root")
    await ada.make_project("Below", parent_id=root["id"])
    await log.new()

    await ada.client.delete(f"/v1/projects/{root['id']}")

    changes = await log.new()
    assert sorted(change["row_after"]["name"] for change in changes) == ["Below", "Root"]
    assert {change["event"] for change in changes} == {"project.trashed"}
    assert {tuple(change["changed"]) for change in changes} == {("deleted_at",)}
    [of_root] = [change for change in changes if change["resource_id"] == UUID(root["id"])]
    deleted_at = of_root["row_after"]["deleted_at"]
    assert of_root["row_after"] == {
        **_shared(root),
        "version": 2,
        "updated_at": deleted_at,
        "deleted_at": deleted_at,
    }


async def test_what_changes_nothing_or_fails_leaves_no_change(
    ada: Person, bob: Person, log: Log, database: asyncpg.Connection
) -> None:
    project = await ada.make_project("Old")
    await share(database, project, bob, "viewer")
    theirs = Log(database, bob, "project")
    await log.new()
    await theirs.new()

    url, tag = f"/v1/projects/{project['id']}", {"If-Match": '"9"'}
    responses = [
        await ada.client.patch(url, json={}),
        await ada.client.patch(url, json={"name": " Old", "archived": False, "color": None}),
        await ada.get(url),
        await ada.client.patch(url, json={"name": "New"}, headers=tag),
        await ada.client.delete(url, headers=tag),
        await ada.client.post("/v1/projects", json={"id": project["id"], "name": "Twin"}),
        await bob.client.patch(url, json={"name": "New"}),
        await bob.client.delete(url),
    ]

    assert [response.status_code for response in responses] == [
        200, 200, 200, 412, 412, 409, 403, 403,
    ]  # fmt: skip
    assert await log.new() == []
    assert await theirs.new() == []
    assert (await ada.get(url)).json() == project
