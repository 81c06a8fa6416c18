"""An archived project is read-only, and out of lists unless asked for."""

import asyncpg
import pytest
from httpx import Response

from tests.people import Json, Person


def _url(project: Json) -> str:
    return f"/v1/projects/{project['id']}"


async def _patch(person: Person, project: Json, **fields: object) -> Response:
    return await person.client.patch(_url(project), json=fields)


async def _names(person: Person, **params: str) -> list[str]:
    page = await person.get("/v1/projects", params={"sort": "created_at", **params})
    return [project["name"] for project in page.json()["items"]]


@pytest.fixture
async def project(ada: Person) -> Json:
    """An archived project of Ada's."""
    archived: Json = (await _patch(ada, await ada.make_project("Old"), archived=True)).json()
    assert archived["archived"] is True
    return archived


async def test_it_is_listed_only_if_asked_for(ada: Person, project: Json) -> None:
    await ada.make_project("New")

    assert await _names(ada) == ["Inbox", "New"]
    assert await _names(ada, archived="false") == ["Inbox", "New"]
    assert await _names(ada, archived="true") == ["Old"]
    assert (await ada.get(_url(project))).json() == project


async def test_it_takes_no_change(ada: Person, project: Json) -> None:
    for fields in (
        {"name": "N"},
        {"color": "#000000"},
        {"name": "N", "archived": True},
    ):
        response = await _patch(ada, project, **fields)
        assert (response.status_code, response.json()["code"]) == (403, "project_archived")
    below = await ada.client.post("/v1/projects", json={"name": "N", "parent_id": project["id"]})
    assert (below.status_code, below.json()["code"]) == (403, "project_archived")
    assert (await ada.get(_url(project))).json() == project


async def test_it_can_be_archived_again_which_changes_nothing(ada: Person, project: Json) -> None:
    response = await _patch(ada, project, archived=True)

    assert (response.status_code, response.json()) == (200, project)


async def test_it_can_be_brought_back_alone_or_with_other_changes(
    ada: Person, project: Json
) -> None:
    back = await _patch(ada, project, archived=False)
    assert back.json() == {
        **project,
        "archived": False,
        "version": 3,
        "updated_at": back.json()["updated_at"],
    }
    await _patch(ada, project, archived=True)
    changed = await _patch(ada, project, archived=False, name="New")
    assert (changed.status_code, changed.json()["name"]) == (200, "New")
    assert (await _patch(ada, project, name="Newer")).status_code == 200


async def test_it_can_be_deleted(ada: Person, project: Json, database: asyncpg.Connection) -> None:
    assert (await ada.client.delete(_url(project))).status_code == 204
    assert await _names(ada, archived="true") == []
