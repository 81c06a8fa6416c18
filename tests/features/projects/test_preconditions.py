"""Projects' `ETag`, `If-Match` and `If-None-Match`."""

import pytest

from tests.people import Json, Person


async def _make_project(person: Person) -> Json:
    project = await person.make_project()
    changed = await person.client.patch(f"/v1/projects/{project['id']}", json={"name": "Changed"})
    assert changed.headers["etag"] == '"2"'
    body: Json = changed.json()
    return body


@pytest.fixture
async def project(ada: Person) -> Json:
    """A project of Ada's, at version 2."""
    return await _make_project(ada)


async def test_a_write_whose_tag_matches_is_done(ada: Person) -> None:
    for tag in ('"2"', '"1", "2"', "*"):
        url = f"/v1/projects/{(await _make_project(ada))['id']}"
        patched = await ada.client.patch(url, json={"name": "N"}, headers={"If-Match": tag})
        assert (patched.status_code, patched.headers["etag"]) == (200, '"3"')
        deleted = await ada.client.delete(url, headers={"If-Match": tag.replace("2", "3")})
        assert deleted.status_code == 204


async def test_a_write_whose_tag_does_not_match_is_412_and_not_done(
    ada: Person, project: Json
) -> None:
    url = f"/v1/projects/{project['id']}"
    writes: list[tuple[str, Json | None]] = [
        ("PATCH", {"name": "N"}),
        ("PATCH", {}),
        ("DELETE", None),
    ]
    for tag in ('"1"', '"3"', 'W/"2"', "2", '"02"', ""):
        for method, body in writes:
            response = await ada.client.request(method, url, json=body, headers={"If-Match": tag})
            assert (response.status_code, response.json()["code"]) == (412, "version_conflict")
            assert response.headers["etag"] == '"2"'
    assert (await ada.get(url)).json() == project


async def test_a_tag_of_a_project_below_it_is_not_its_own(ada: Person, project: Json) -> None:
    url = f"/v1/projects/{project['id']}"
    below = await ada.make_project(parent_id=project["id"])
    assert below["version"] == 1

    response = await ada.client.delete(url, headers={"If-Match": '"1"'})

    assert (response.status_code, response.headers["etag"]) == (412, '"2"')


async def test_an_archived_project_has_its_tags_too(ada: Person, project: Json) -> None:
    url = f"/v1/projects/{project['id']}"
    await ada.client.patch(url, json={"archived": True})

    stale = await ada.client.patch(url, json={"archived": False}, headers={"If-Match": '"2"'})
    fresh = await ada.client.patch(url, json={"archived": False}, headers={"If-Match": '"3"'})

    assert (stale.status_code, fresh.status_code) == (412, 200)


async def test_a_read_of_what_the_client_has_is_304(ada: Person, project: Json) -> None:
    url = f"/v1/projects/{project['id']}"
    for tag, status in (('"2"', 304), ('W/"2"', 304), ("*", 304), ('"1"', 200), ("2", 200)):
        response = await ada.get(url, headers={"If-None-Match": tag})
        assert (response.status_code, response.headers["etag"]) == (status, '"2"')
        assert bool(response.content) == (status == 200)


async def test_a_list_that_the_client_has_is_304_until_a_project_changes(
    ada: Person, project: Json
) -> None:
    tag = (await ada.get("/v1/projects")).headers["etag"]
    headers = {"If-None-Match": tag}

    assert (await ada.get("/v1/projects", headers=headers)).status_code == 304
    await ada.client.patch(f"/v1/projects/{project['id']}", json={"color": "#123456"})
    changed = await ada.get("/v1/projects", headers=headers)
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag
