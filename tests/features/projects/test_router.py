"""`/v1/projects`: create, read, change, delete."""

from uuid import UUID, uuid4

import asyncpg
import pytest
from httpx import Response

from app.core.clock import new_id
from tests.people import Json, Person, share


def _errors(response: Response) -> list[tuple[str, str]]:
    assert response.status_code == 422, response.text
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]


async def test_create_answers_the_whole_project(ada: Person, database: asyncpg.Connection) -> None:
    response = await ada.client.post(
        "/v1/projects", json={"name": "  Garden\n", "color": "#2e7D32"}
    )

    project = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/projects/{project['id']}"
    assert response.headers["etag"] == '"1"'
    assert UUID(project["id"]).version == 7
    assert project == {
        "id": project["id"],
        "version": 1,
        "parent_id": None,
        "name": "Garden",
        "color": "#2e7D32",
        "is_inbox": False,
        "archived": False,
        "position": project["position"],
        "role": "owner",
        "created_by": str(ada.id),
        "created_at": project["created_at"],
        "updated_at": project["created_at"],
        "deleted_at": None,
    }
    assert (await ada.get(response.headers["location"])).json() == project


async def test_a_project_has_its_one_owners_row_from_the_start(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()

    members = await database.fetch(
        "SELECT user_id, role FROM project_members WHERE project_id = $1", UUID(project["id"])
    )
    assert [tuple(member) for member in members] == [(ada.id, "owner")]
    with pytest.raises(asyncpg.UniqueViolationError):
        await share(database, project, bob, "owner")
    with pytest.raises(asyncpg.CheckViolationError):
        await share(database, project, bob, "admin")


_WRONG: list[tuple[Json, tuple[str, str]]] = [
    ({"name": None}, ("/name", "wrong_type")),
    ({"name": " \u3000"}, ("/name", "too_short")),
    ({"name": "x" * 201}, ("/name", "too_long")),
    ({"name": "a\x00"}, ("/name", "nul_character")),
    ({"color": "green"}, ("/color", "invalid_format")),
    ({"color": "#2e7d3"}, ("/color", "invalid_format")),
    ({"color": "#2e7d32\n"}, ("/color", "invalid_format")),
    ({"color": 3046706}, ("/color", "wrong_type")),
    ({"id": str(uuid4())}, ("/id", "invalid_id")),
    ({"parent_id": "none"}, ("/parent_id", "invalid_id")),
    ({"title": "Garden"}, ("/title", "unknown_field")),
    *(
        ({name: value}, (f"/{name}", "unknown_field"))
        for name, value in {
            "archived": False,
            "is_inbox": True,
            "role": "owner",
            "position": "0",
            "version": 1,
            "created_by": None,
            "created_at": None,
            "updated_at": None,
            "deleted_at": None,
        }.items()
    ),
]


async def test_create_tells_which_field_is_wrong(ada: Person) -> None:
    for fields, error in _WRONG:
        response = await ada.client.post("/v1/projects", json={"name": "Valid", **fields})
        assert _errors(response) == [error], fields


async def test_a_name_is_required_and_may_be_200_characters_long(ada: Person) -> None:
    assert _errors(await ada.client.post("/v1/projects", json={})) == [("/name", "required")]
    assert (await ada.make_project(f" {'🌱' * 200} "))["name"] == "🌱" * 200


async def test_an_id_may_be_chosen_once(ada: Person, bob: Person) -> None:
    project_id = str(new_id())

    project = await ada.make_project(id=project_id)
    assert project["id"] == project_id
    for person in (ada, bob):
        response = await person.client.post("/v1/projects", json={"id": project_id, "name": "N"})
        assert (response.status_code, response.json()["code"]) == (409, "id_taken")
    await ada.client.delete(f"/v1/projects/{project_id}")
    for person in (ada, bob):
        response = await person.client.post("/v1/projects", json={"id": project_id, "name": "N"})
        assert (response.status_code, response.json()["code"]) == (409, "id_taken")
    assert len((await bob.get("/v1/projects")).json()["items"]) == 1


async def test_a_deleted_project_is_gone(ada: Person) -> None:
    project = await ada.make_project()
    url = f"/v1/projects/{project['id']}"

    response = await ada.client.delete(url)

    assert (response.status_code, response.content) == (204, b"")
    assert (await ada.get(url)).status_code == 404
    assert (await ada.client.patch(url, json={"name": "Back"})).status_code == 404
    assert (await ada.client.delete(url)).status_code == 404
    new = await ada.client.post("/v1/todos", json={"title": "T", "project_id": project["id"]})
    assert (new.status_code, new.json()["code"]) == (404, "project_not_found")
    assert [p["name"] for p in (await ada.get("/v1/projects")).json()["items"]] == ["Inbox"]


async def test_an_id_that_is_none_is_422(ada: Person) -> None:
    url = "/v1/projects/inbox"
    for response in (
        await ada.get(url),
        await ada.client.patch(url, json={}),
        await ada.client.delete(url),
    ):
        assert _errors(response) == [("/project_id", "invalid_id")]
        assert response.json()["errors"][0]["in"] == "path"


async def test_there_is_no_put(ada: Person) -> None:
    project = await ada.make_project()

    response = await ada.client.put(f"/v1/projects/{project['id']}", json={"name": "Other"})

    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET, HEAD, PATCH"
