"""`/v1/labels`: made, listed, read, changed and deleted."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from app.core.clock import new_id
from tests.features.todos.changes import Log
from tests.people import Json, Person, until_cached


async def test_create_answers_the_whole_label(ada: Person) -> None:
    response = await ada.client.post("/v1/labels", json={"name": " Errands ", "color": "#A1b2c3"})
    label = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/labels/{label['id']}"
    assert response.headers["etag"] == '"1"'
    assert UUID(label["id"]).version == 7
    assert label == {
        "id": label["id"],
        "version": 1,
        "name": "Errands",
        "color": "#A1b2c3",
        "owner_id": str(ada.id),
        "created_at": label["created_at"],
        "updated_at": label["created_at"],
    }
    assert (await ada.get(f"/v1/labels/{label['id']}")).json() == label


async def test_a_name_is_an_owner_s_once_whatever_its_case_and_width(
    ada: Person, bob: Person
) -> None:
    label = await ada.make_label("Stra\u00dfe")
    other = await ada.make_label("Other")
    await bob.make_label("strasse")
    for name in ("Stra\u00dfe", "STRASSE", "\uff53trasse"):
        made = await ada.client.post("/v1/labels", json={"name": name})
        renamed = await ada.client.patch(f"/v1/labels/{other['id']}", json={"name": name})
        for answer in (made, renamed):
            assert (answer.status_code, answer.json()["code"]) == (409, "label_name_taken")
            assert answer.json()["errors"][0]["pointer"] == "/name"
    again = await ada.client.patch(f"/v1/labels/{label['id']}", json={"name": "STRASSE"})
    assert (again.status_code, again.json()["name"]) == (200, "STRASSE")


async def test_a_deleted_one_leaves_its_name_and_not_its_id(ada: Person, bob: Person) -> None:
    label = await ada.make_label("Home")
    url = f"/v1/labels/{label['id']}"
    assert (await ada.client.delete(url)).status_code == 204
    for answer in (
        await ada.get(url),
        await ada.client.patch(url, json={"name": "x"}),
        await ada.client.delete(url),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await ada.get("/v1/labels?include_total=true")).json()["total"] == 0
    for person in (ada, bob):
        taken = await person.client.post("/v1/labels", json={"name": "Home", "id": label["id"]})
        assert (taken.status_code, taken.json()["code"]) == (409, "id_taken")
    chosen = str(new_id())
    assert (await ada.make_label("Home", id=chosen))["id"] == chosen


async def test_a_patch_changes_what_it_names_and_nothing_if_that_is_so(ada: Person) -> None:
    label = await ada.make_label("Home", color="#2e7d32")
    url = f"/v1/labels/{label['id']}"
    assert (await ada.client.patch(url, json={"name": "Home", "color": "#2e7d32"})).json() == label
    colored = (await ada.client.patch(url, json={"color": None})).json()
    assert colored == label | {
        "color": None, "version": 2, "updated_at": colored["updated_at"],
    }  # fmt: skip
    renamed = (await ada.client.patch(url, json={"name": "House"})).json()
    assert (renamed["name"], renamed["color"], renamed["version"]) == ("House", None, 3)


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"name": ""}, "/name", "too_short"),
        ({"name": "x" * 61}, "/name", "too_long"),
        ({"name": "a\nb"}, "/name", "line_break"),
        ({"name": None}, "/name", "wrong_type"),
        ({"name": "a", "color": "red"}, "/color", "invalid_format"),
        ({"name": "a", "owner_id": str(uuid4())}, "/owner_id", "unknown_field"),
    ],
)
async def test_what_is_wrong_is_named(ada: Person, body: Json, pointer: str, code: str) -> None:
    label = await ada.make_label()
    for answer in (
        await ada.client.post("/v1/labels", json=body),
        await ada.client.patch(f"/v1/labels/{label['id']}", json=body),
    ):
        assert answer.status_code == 422
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]


async def test_preconditions_go_by_the_version(ada: Person) -> None:
    label = await ada.make_label()
    url = f"/v1/labels/{label['id']}"
    unchanged = await ada.get(url, headers={"If-None-Match": '"1"'})
    assert unchanged.status_code == 304
    stale = {"If-Match": '"2"'}
    for answer in (
        await ada.client.patch(url, json={"name": "x"}, headers=stale),
        await ada.client.delete(url, headers=stale),
    ):
        assert (answer.status_code, answer.json()["code"]) == (412, "version_conflict")
        assert answer.headers["etag"] == '"1"'
    right = {"If-Match": '"1"'}
    changed = await ada.client.patch(url, json={"name": "x"}, headers=right)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')


async def test_each_write_is_an_event(ada: Person, database: asyncpg.Connection) -> None:
    log = Log(database, ada, "label")
    label = await ada.make_label("Home")
    url = f"/v1/labels/{label['id']}"
    await ada.client.patch(url, json={"name": "House"})
    await ada.client.patch(url, json={"color": "#000000"})
    await ada.client.patch(url, json={"color": "#000000"})
    last = (await ada.get(url)).json()
    await ada.client.delete(url)

    created, renamed, colored, deleted = await log.new()
    events = [change["event"] for change in (created, renamed, colored, deleted)]
    assert events == ["label.created", "label.updated", "label.updated", "label.deleted"]
    assert created["row_after"] == label
    assert renamed["changed"] == {"name": {"from": "Home", "to": "House"}}
    assert colored["changed"] == {"color": {"from": None, "to": "#000000"}}
    assert deleted["changed"] == {}
    # As it was last.
    noise = {"version": 4, "updated_at": deleted["row_after"]["updated_at"]}
    assert deleted["row_after"] == last | noise
    assert {str(change["resource_id"]) for change in (created, deleted)} == {label["id"]}


async def test_a_write_is_seen_at_once(ada: Person) -> None:
    label = await ada.make_label("Home")
    url = f"/v1/labels/{label['id']}"
    await until_cached(ada, "/v1/labels")
    await until_cached(ada, url)
    await ada.client.patch(url, json={"color": "#000000"})
    assert (await ada.get(url)).json()["color"] == "#000000"
    assert (await ada.get("/v1/labels")).json()["items"][0]["color"] == "#000000"
    await until_cached(ada, "/v1/labels")
    await ada.make_todo(labels=["new"])
    assert len((await ada.get("/v1/labels")).json()["items"]) == 2
