"""Who may see a project, and who may change it."""

import asyncpg
import pytest
from httpx import Response

from app.core.clock import new_id
from tests.people import Json, Person, share


def _url(project: Json) -> str:
    return f"/v1/projects/{project['id']}"


def _without_instance(response: Response) -> Json:
    problem: Json = response.json()
    return {**problem, "instance": None}


async def _names(person: Person, **params: str) -> list[str]:
    page = await person.get("/v1/projects", params=params)
    assert page.status_code == 200, page.text
    return [project["name"] for project in page.json()["items"]]


async def test_anothers_project_is_404_exactly_like_none(ada: Person, bob: Person) -> None:
    project = await ada.make_project()
    for method, body in (("GET", None), ("PATCH", {"name": "Mine"}), ("DELETE", None)):
        foreign, missing = [
            await bob.client.request(method, f"/v1/projects/{project_id}", json=body)
            for project_id in (project["id"], new_id())
        ]
        assert foreign.status_code == 404
        assert _without_instance(foreign) == _without_instance(missing)
        assert set(foreign.headers) == set(missing.headers)
    assert (await ada.get(f"/v1/projects/{project['id']}")).json() == project


async def test_anothers_parent_is_404_exactly_like_none(ada: Person, bob: Person) -> None:
    project = await ada.make_project()

    foreign, missing = [
        await bob.client.post("/v1/projects", json={"name": "Mine", "parent_id": parent_id})
        for parent_id in (project["id"], str(new_id()))
    ]

    assert (foreign.status_code, foreign.json()["code"]) == (404, "project_not_found")
    assert foreign.json()["errors"][0]["pointer"] == "/parent_id"
    assert _without_instance(foreign) == _without_instance(missing)


async def test_a_list_never_shows_anothers_projects(ada: Person, bob: Person) -> None:
    project = await ada.make_project("Hers")
    await ada.make_project("Hers below", parent_id=project["id"])

    assert await _names(bob) == ["Inbox"]
    assert await _names(bob, parent_id=project["id"]) == []
    await ada.client.patch(_url(project), json={"archived": True})
    assert await _names(bob, archived="true") == []


@pytest.mark.parametrize("role", ["viewer", "editor"])
async def test_a_member_sees_the_project_and_their_own_role(
    ada: Person, bob: Person, database: asyncpg.Connection, role: str
) -> None:
    project = await ada.make_project("Shared")
    await share(database, project, bob, role)

    assert sorted(await _names(bob)) == ["Inbox", "Shared"]
    assert (await bob.get(_url(project))).json() == {**project, "role": role}
    assert (await ada.get(_url(project))).json()["role"] == "owner"


async def test_a_viewer_may_change_nothing(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    await share(database, project, bob, "viewer")

    for response in (
        await bob.client.patch(_url(project), json={"name": "N"}),
        await bob.client.patch(_url(project), json={"archived": False}),
        await bob.client.patch(_url(project), json={}),
        await bob.client.delete(_url(project)),
        await bob.client.post("/v1/projects", json={"name": "N", "parent_id": project["id"]}),
    ):
        assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    assert (await ada.get(_url(project))).json() == project


async def test_an_editor_may_change_it_but_only_its_owner_may_delete_it(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    await share(database, project, bob, "editor")

    patched = await bob.client.patch(_url(project), json={"name": "New", "archived": True})
    assert (patched.status_code, patched.json()["role"]) == (200, "editor")
    assert (await bob.client.patch(_url(project), json={"archived": False})).status_code == 200
    below = await bob.make_project("Below", parent_id=project["id"])
    assert (below["role"], below["created_by"]) == ("editor", str(bob.id))

    deleted = await bob.client.delete(_url(project))
    assert (deleted.status_code, deleted.json()["code"]) == (403, "forbidden")
    assert (await ada.client.delete(_url(project))).status_code == 204
    assert await _names(bob) == ["Inbox"]


async def test_who_deletes_an_inbox_of_somebody_else_is_told_that_they_may_not(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    inbox = await ada.inbox()
    await share(database, inbox, bob, "editor")

    response = await bob.client.delete(_url(inbox))

    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
