"""Who may see a todo, and who may change it: it goes by the members of its project."""

from typing import Any

import asyncpg
import pytest
from httpx import Response

from app.core.clock import new_id
from tests.people import Json, Person, share


def _without_instance(response: Response) -> Json:
    problem: Json = response.json()
    return {**problem, "instance": None}


async def _list(person: Person, **params: Any) -> list[Json]:
    page = await person.get("/v1/todos", params=params)
    assert page.status_code == 200, page.text
    items: list[Json] = page.json()["items"]
    return items


async def _write_each_way(person: Person, project: Json, todo: Json) -> list[Response]:
    """All that one can do to a todo, and to what is around it; the last one deletes it."""
    url = f"/v1/todos/{todo['id']}"
    return [
        await person.client.post("/v1/todos", json={"title": "N", "project_id": project["id"]}),
        await person.client.post("/v1/todos", json={"title": "N", "parent_id": todo["id"]}),
        await person.client.patch(url, json={"title": "N"}),
        await person.client.patch(url, json={"completed": True}),
        await person.client.patch(url, json={}),
        await person.client.delete(url),
    ]


def _codes(responses: list[Response]) -> set[tuple[int, str]]:
    return {(response.status_code, response.json()["code"]) for response in responses}


async def test_anothers_todo_is_404_exactly_like_none(ada: Person, bob: Person) -> None:
    todo = await ada.make_todo()
    for method, body in (("GET", None), ("PATCH", {"title": "Mine"}), ("DELETE", None)):
        foreign, missing = [
            await bob.client.request(method, f"/v1/todos/{todo_id}", json=body)
            for todo_id in (todo["id"], new_id())
        ]
        assert foreign.status_code == 404
        assert _without_instance(foreign) == _without_instance(missing)
        assert set(foreign.headers) == set(missing.headers)
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo


async def test_anothers_project_or_parent_is_404_exactly_like_none(
    ada: Person, bob: Person
) -> None:
    todo = await ada.make_todo()
    for name, there in (("project_id", todo["project_id"]), ("parent_id", todo["id"])):
        foreign, missing = [
            await bob.client.post("/v1/todos", json={"title": "Mine", name: place})
            for place in (there, str(new_id()))
        ]
        assert foreign.status_code == 404
        assert foreign.json()["code"] == name.removesuffix("_id") + "_not_found"
        assert _without_instance(foreign) == _without_instance(missing)
        assert foreign.json()["errors"][0]["pointer"] == f"/{name}"
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo


async def test_a_list_never_shows_anothers_todos(ada: Person, bob: Person) -> None:
    todo = await ada.make_todo("Hers", due={"date": "2026-11-30"}, priority="high")
    await ada.make_todo("Hers too", parent_id=todo["id"], completed=True)
    mine = await bob.make_todo("His", due={"date": "2026-11-30"}, priority="high")

    assert await _list(bob) == [mine]
    for params in (
        {"project_id": todo["project_id"]},
        {"project_id": todo["project_id"], "sort": "position"},
        {"parent_id": todo["id"]},
        {"completed": "true"},
    ):
        assert await _list(bob, **params) == []
    both = [todo["project_id"], mine["project_id"]]
    assert await _list(bob, project_id=both, priority="high", sort="due") == [mine]


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_a_member_sees_what_is_in_the_project(
    ada: Person, bob: Person, database: asyncpg.Connection, role: str
) -> None:
    shared, other = await ada.make_project(), await ada.make_project()
    todo = await ada.make_todo("Shared", project_id=shared["id"])
    await ada.make_todo("Not shared", project_id=other["id"])
    mine = await bob.make_todo("His own")
    await share(database, shared, bob, role)

    assert await _list(bob) == [mine, todo]
    assert await _list(bob, project_id=shared["id"]) == [todo]
    assert (await bob.get(f"/v1/todos/{todo['id']}")).json() == todo


async def test_a_viewer_may_change_nothing(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo(project_id=project["id"])
    await share(database, project, bob, "viewer")

    responses = await _write_each_way(bob, project, todo)

    assert _codes(responses) == {(403, "forbidden")}
    assert await _list(ada) == [todo]
    stale = await bob.client.patch(
        f"/v1/todos/{todo['id']}", json={"title": "N"}, headers={"If-Match": '"9"'}
    )
    assert stale.status_code == 403


async def test_an_editor_may_change_everything(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo(project_id=project["id"])
    await share(database, project, bob, "editor")

    responses = await _write_each_way(bob, project, todo)

    assert [response.status_code for response in responses] == [201, 201, 200, 200, 200, 204]
    assert responses[0].json()["created_by"] == str(bob.id)
    [left] = await _list(ada)
    assert left == responses[0].json()


async def test_who_is_no_member_any_more_sees_nothing_any_more(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo(project_id=project["id"])
    await share(database, project, bob)
    assert await _list(bob) == [todo]

    await database.execute(
        "DELETE FROM project_members WHERE user_id = $1 AND role = $2", bob.id, "editor"
    )
    await bob.invalidate()

    assert await _list(bob) == []
    assert (await bob.get(f"/v1/todos/{todo['id']}")).status_code == 404
    assert {r.status_code for r in await _write_each_way(bob, project, todo)} == {404}


@pytest.mark.parametrize("role", ["owner", "editor"])
async def test_an_archived_project_is_read_only(
    ada: Person, bob: Person, database: asyncpg.Connection, role: str
) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo(project_id=project["id"])
    await share(database, project, bob)
    url = f"/v1/projects/{project['id']}"
    await ada.client.patch(url, json={"archived": True})

    person = ada if role == "owner" else bob
    assert _codes(await _write_each_way(person, project, todo)) == {(403, "project_archived")}
    assert (await person.get(f"/v1/todos/{todo['id']}")).json() == todo

    await ada.client.patch(url, json={"archived": False})
    assert (await person.client.delete(f"/v1/todos/{todo['id']}")).status_code == 204


async def test_the_todos_of_a_deleted_project_are_gone(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo(project_id=project["id"])
    await share(database, project, bob)

    await ada.client.delete(f"/v1/projects/{project['id']}")

    for person in (ada, bob):
        assert await _list(person) == []
        assert await _list(person, project_id=project["id"]) == []
        assert (await person.get(f"/v1/todos/{todo['id']}")).status_code == 404
        assert {r.status_code for r in await _write_each_way(person, project, todo)} == {404}


async def test_an_inbox_that_is_shared_takes_only_its_owners_todos_unasked(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    inbox = await ada.inbox()
    await share(database, inbox, bob)

    assert (await bob.make_todo())["project_id"] != inbox["id"]
    assert (await bob.make_todo(project_id=inbox["id"]))["project_id"] == inbox["id"]
