"""`/v1/todos/{todo_id}/comments`: made, listed, read, changed and deleted."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from app.core.clock import new_id
from tests.features.todos.changes import Log
from tests.people import Json, Person, until_cached


def url_of(comment: Json) -> str:
    return f"/v1/todos/{comment['todo_id']}/comments/{comment['id']}"


async def test_create_answers_the_whole_comment(ada: Person) -> None:
    todo = await ada.make_todo()
    url = f"/v1/todos/{todo['id']}/comments"
    response = await ada.client.post(url, json={"body": "  *Sold* out.\n\n- by bus?\n"})
    comment = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"{url}/{comment['id']}"
    assert response.headers["etag"] == '"1"'
    assert UUID(comment["id"]).version == 7
    assert comment == {
        "id": comment["id"],
        "version": 1,
        "todo_id": todo["id"],
        "author_id": str(ada.id),
        "body": "  *Sold* out.\n\n- by bus?\n",
        "created_at": comment["created_at"],
        "updated_at": comment["created_at"],
    }
    assert (await ada.get(url_of(comment))).json() == comment


async def test_a_comment_is_no_part_of_the_todo(ada: Person) -> None:
    todo = await ada.make_todo()
    comment = await ada.make_comment(todo)
    await ada.client.patch(url_of(comment), json={"body": "Seats again."})
    await ada.client.delete(url_of(comment))
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo


async def test_they_are_listed_by_when_they_were_made_both_ways(ada: Person) -> None:
    todo, other = await ada.make_todo(), await ada.make_todo()
    url = f"/v1/todos/{todo['id']}/comments"
    empty = await ada.get(url, params={"include_total": "true"})
    assert empty.json() == {"items": [], "next_cursor": None, "total": 0}
    made = [await ada.make_comment(todo, f"{n}") for n in range(5)]
    await ada.make_comment(other)
    gone = await ada.make_comment(todo)
    await ada.client.delete(url_of(gone))

    assert await ada.walk(url, limit=2) == made[::-1]
    assert await ada.walk(url, limit=2, sort="created_at") == made
    page = await ada.get(url, params={"limit": 1, "include_total": "true"})
    assert page.json()["total"] == 5
    foreign = await ada.get(
        f"/v1/todos/{other['id']}/comments", params={"cursor": page.json()["next_cursor"]}
    )
    assert (foreign.status_code, foreign.json()["code"]) == (422, "cursor_invalid")


async def test_a_page_ends_at_its_size_and_none_is_lost(
    ada: Person, database: asyncpg.Connection
) -> None:
    todo = await ada.make_todo()
    large = await ada.make_comment(todo, "\U0001f600" * 10_000)
    await database.execute(
        "INSERT INTO comments SELECT gen_random_uuid(), todo_id, author_id, body, version, "
        "created_at - n * interval '1 s', updated_at, deleted_at "
        "FROM comments, generate_series(1, 150) AS n WHERE id = $1",
        UUID(large["id"]),
    )
    page = await ada.get(f"/v1/todos/{todo['id']}/comments?limit=200")
    assert 90 < len(page.json()["items"]) < 110
    items = await ada.walk(f"/v1/todos/{todo['id']}/comments", limit=200)
    assert len({item["id"] for item in items}) == len(items) == 151


async def test_a_deleted_one_is_gone_and_its_id_stays_taken(ada: Person, bob: Person) -> None:
    todo = await ada.make_todo()
    comment = await ada.make_comment(todo)
    url = url_of(comment)
    assert (await ada.client.delete(url)).status_code == 204
    for answer in (
        await ada.get(url),
        await ada.client.patch(url, json={"body": "x"}),
        await ada.client.delete(url),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    for person in (ada, bob):
        place = f"/v1/todos/{(await person.make_todo())['id']}/comments"
        taken = await person.client.post(place, json={"body": "x", "id": comment["id"]})
        assert (taken.status_code, taken.json()["code"]) == (409, "id_taken")
    chosen = str(new_id())
    assert (await ada.make_comment(todo, id=chosen))["id"] == chosen


async def test_another_todo_has_it_not(ada: Person) -> None:
    todo, other = await ada.make_todo(), await ada.make_todo()
    comment = await ada.make_comment(todo)
    url = url_of(comment | {"todo_id": other["id"]})
    for answer in (
        await ada.get(url),
        await ada.client.patch(url, json={"body": "x"}),
        await ada.client.delete(url),
    ):
        assert answer.status_code == 404
    assert (await ada.get(url_of(comment))).json() == comment


async def test_a_patch_that_changes_nothing_leaves_the_version(ada: Person) -> None:
    comment = await ada.make_comment(await ada.make_todo(), "Sold out.")
    url = url_of(comment)
    assert (await ada.client.patch(url, json={"body": "Sold out."})).json() == comment
    assert (await ada.client.patch(url, json={})).json() == comment
    changed = (await ada.client.patch(url, json={"body": "No."})).json()
    assert changed == comment | {
        "body": "No.", "version": 2, "updated_at": changed["updated_at"],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"body": ""}, "/body", "too_short"),
        ({"body": " \n\u200b\t "}, "/body", "invisible"),
        ({"body": "x" * 10_001}, "/body", "too_long"),
        ({"body": "a\x00b"}, "/body", "nul_character"),
        ({"body": "e" + "\u0301" * 31}, "/body", "too_many_marks"),
        ({"body": None}, "/body", "wrong_type"),
        ({"body": "a", "author_id": str(uuid4())}, "/author_id", "unknown_field"),
        ({"body": "a", "todo_id": str(uuid4())}, "/todo_id", "unknown_field"),
    ],
)
async def test_what_is_wrong_is_named(ada: Person, body: Json, pointer: str, code: str) -> None:
    comment = await ada.make_comment(await ada.make_todo())
    for answer in (
        await ada.client.post(url_of(comment).rpartition("/")[0], json=body),
        await ada.client.patch(url_of(comment), json=body),
    ):
        assert answer.status_code == 422
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]


async def test_one_may_have_ten_thousand_characters(ada: Person) -> None:
    comment = await ada.make_comment(await ada.make_todo(), "\U0001f600" * 10_000)
    assert len((await ada.get(url_of(comment))).json()["body"]) == 10_000


async def test_preconditions_go_by_the_version(ada: Person) -> None:
    comment = await ada.make_comment(await ada.make_todo())
    url = url_of(comment)
    assert (await ada.get(url, headers={"If-None-Match": '"1"'})).status_code == 304
    stale = {"If-Match": '"2"'}
    for answer in (
        await ada.client.patch(url, json={"body": "x"}, headers=stale),
        await ada.client.delete(url, headers=stale),
    ):
        assert (answer.status_code, answer.json()["code"]) == (412, "version_conflict")
        assert answer.headers["etag"] == '"1"'
    right = {"If-Match": '"1"'}
    changed = await ada.client.patch(url, json={"body": "x"}, headers=right)
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')


async def test_under_a_key_there_is_one(ada: Person) -> None:
    url = f"/v1/todos/{(await ada.make_todo())['id']}/comments"
    key = {"Idempotency-Key": "once"}
    first, again = [await ada.client.post(url, json={"body": "x"}, headers=key) for _ in range(2)]
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert len((await ada.get(url)).json()["items"]) == 1


async def test_each_write_is_an_event_of_the_project(
    ada: Person, database: asyncpg.Connection
) -> None:
    log = Log(database, ada, "comment")
    project, inbox = await ada.make_project(), await ada.inbox()
    todo = await ada.make_todo()
    comment = await ada.make_comment(todo, "Sold out.")
    url = url_of(comment)
    await ada.client.patch(url, json={"body": "Seats again."})
    await ada.client.patch(url, json={"body": "Seats again."})
    last = (await ada.get(url)).json()
    move = {"last": True, "project_id": project["id"]}
    assert (await ada.client.post(f"/v1/todos/{todo['id']}/move", json=move)).is_success
    await ada.client.delete(url)

    created, updated, deleted = await log.new()
    events = [change["event"] for change in (created, updated, deleted)]
    assert events == ["comment.created", "comment.updated", "comment.deleted"]
    assert created["row_after"] == comment
    assert updated["changed"] == {"body": {"from": "Sold out.", "to": "Seats again."}}
    assert (created["changed"], deleted["changed"]) == ({}, {})
    # As it was last.
    noise = {"version": 3, "updated_at": deleted["row_after"]["updated_at"]}
    assert deleted["row_after"] == last | noise
    places = [str(change["project_id"]) for change in (created, updated, deleted)]
    assert places == [inbox["id"], inbox["id"], project["id"]]
    assert {str(change["resource_id"]) for change in (created, updated, deleted)} == {comment["id"]}


async def test_a_write_is_seen_at_once(ada: Person) -> None:
    todo = await ada.make_todo()
    comment = await ada.make_comment(todo)
    listed, url = f"/v1/todos/{todo['id']}/comments", url_of(comment)
    for each in (listed, url):
        await until_cached(ada, each)
    await ada.client.patch(url, json={"body": "New"})
    assert (await ada.get(url)).json()["body"] == "New"
    assert (await ada.get(listed)).json()["items"][0]["body"] == "New"
    await until_cached(ada, listed)
    other = await ada.make_comment(todo)
    assert len((await ada.get(listed)).json()["items"]) == 2
    await until_cached(ada, listed)
    await ada.client.delete(url_of(other))
    assert len((await ada.get(listed)).json()["items"]) == 1
