"""Labels inline, on a todo: by name, all of them at once, made if new, spelt as they are there."""

import time
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from httpx import Response

from tests.features.todos.changes import Log
from tests.people import Json, Person, share


async def _names(person: Person, **params: Any) -> list[str]:
    labels = await person.walk("/v1/labels", sort="name", **params)
    return [label["name"] for label in labels]


def patch(person: Person, todo: Json, *labels: str, **options: Any) -> Any:
    url = f"/v1/todos/{todo['id']}"
    return person.client.patch(url, json={"labels": labels}, **options)


async def test_new_ones_are_made_and_come_in_the_order_of_their_folded_names(ada: Person) -> None:
    todo = await ada.make_todo(labels=["b", " C ", "A", "\u00e4"])
    assert todo["labels"] == ["A", "b", "C", "\u00e4"]
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo
    assert await _names(ada) == ["A", "b", "C", "\u00e4"]
    [label] = (await ada.get("/v1/labels?sort=name&limit=1")).json()["items"]
    assert (label["owner_id"], label["color"], label["version"]) == (str(ada.id), None, 1)


async def test_one_that_is_there_keeps_its_own_spelling(ada: Person) -> None:
    await ada.make_label("Stra\u00dfe")
    todo = await ada.make_todo(labels=["STRASSE", "\uff28ome"])
    assert todo["labels"] == ["\uff28ome", "Stra\u00dfe"]
    changed = (await patch(ada, todo, "home", "strasse", "new")).json()
    assert changed["labels"] == ["\uff28ome", "new", "Stra\u00dfe"]
    assert await _names(ada) == ["\uff28ome", "new", "Stra\u00dfe"]


async def test_a_patch_replaces_all_and_one_that_changes_nothing_raises_no_version(
    ada: Person, database: asyncpg.Connection
) -> None:
    log = Log(database, ada)
    todo = await ada.make_todo(labels=["a", "b"])
    assert [change["event"] for change in await log.new()] == ["todo.created"]
    for same in (("a", "b"), ("B", "A")):
        assert (await patch(ada, todo, *same)).json() == todo
    untouched = await ada.client.patch(f"/v1/todos/{todo['id']}", json={"title": "Other"})
    assert untouched.json()["labels"] == ["a", "b"]
    await log.new()

    changed = (await patch(ada, todo, "c")).json()
    assert (changed["labels"], changed["version"]) == (["c"], 3)
    [change] = await log.new()
    assert change["event"] == "todo.updated"
    assert change["changed"] == {"labels": {"from": ["a", "b"], "to": ["c"]}}
    assert (await patch(ada, todo)).json()["labels"] == []


async def test_what_is_made_is_an_event_of_the_label_too(
    ada: Person, database: asyncpg.Connection
) -> None:
    log = Log(database, ada, "label")
    await ada.make_todo(labels=["home"])
    await ada.make_todo(labels=["home"])
    [change] = await log.new()
    [label] = (await ada.get("/v1/labels")).json()["items"]
    assert (change["event"], change["changed"], change["project_id"]) == ("label.created", {}, None)
    assert (change["row_after"], str(change["resource_id"])) == (label, label["id"])


async def test_they_are_the_project_owner_s_whoever_puts_them_on(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    await share(database, project, bob)
    await ada.make_label("Home")
    await bob.make_label("HOME")

    todo = await bob.make_todo(project_id=project["id"], labels=["home", "new"])
    below = await bob.make_todo(parent_id=todo["id"], labels=["below"])

    assert (todo["labels"], below["labels"]) == (["Home", "new"], ["below"])
    assert (await patch(bob, todo, "home", "newer")).json()["labels"] == ["Home", "newer"]
    assert await _names(ada) == ["below", "Home", "new", "newer"]
    assert await _names(bob) == ["HOME"]


async def test_who_may_not_edit_makes_none(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo(project_id=project["id"])
    new = {"title": "New", "labels": ["new"]}
    for other, status, code in (
        ({**new, "project_id": project["id"]}, 404, "project_not_found"),
        ({**new, "parent_id": todo["id"]}, 404, "parent_not_found"),
    ):
        response = await bob.client.post("/v1/todos", json=other)
        assert (response.status_code, response.json()["code"]) == (status, code)
    assert (await patch(bob, todo, "new")).status_code == 404
    await share(database, project, bob, "viewer")
    assert (await patch(bob, todo, "new")).status_code == 403
    response = await bob.client.post("/v1/todos", json={**new, "project_id": project["id"]})
    assert response.status_code == 403
    archived = await ada.client.patch(f"/v1/projects/{project['id']}", json={"archived": True})
    assert archived.is_success
    response = await patch(ada, todo, "new")
    assert (response.status_code, response.json()["code"]) == (403, "project_archived")
    stale = await patch(ada, await ada.make_todo(), "new", headers={"If-Match": '"9"'})
    assert stale.status_code == 412
    taken = await ada.client.post("/v1/todos", json={**new, "id": todo["id"]})
    assert taken.status_code == 409
    assert await _names(ada) == await _names(bob) == []


_WRONG: list[tuple[Any, str, str]] = [
    (["a", "\uff21"], "/labels/1", "label_repeated"),
    (["b", "stra\u00dfe", "c", "STRASSE "], "/labels/3", "label_repeated"),
    (["a\nb"], "/labels/0", "line_break"),
    (["a", "a\u2028b"], "/labels/1", "line_break"),
    (["a\tb"], "/labels/0", "control_character"),
    (["\u3164\u200b"], "/labels/0", "invisible"),
    (["\x00"], "/labels/0", "nul_character"),
    ([" "], "/labels/0", "too_short"),
    (["x" * 61], "/labels/0", "too_long"),
    (["e" + "\u0301" * 31], "/labels/0", "too_many_marks"),
    ([f"{number}" for number in range(51)], "/labels", "too_long"),
    (["x" * 60] * 900, "/labels", "too_long"),
    (["\ufdfa" * 60] * 50, "/labels/1", "label_repeated"),
    ([None], "/labels/0", "wrong_type"),
    ("a", "/labels", "wrong_type"),
    (None, "/labels", "wrong_type"),
]


@pytest.mark.parametrize(("labels", "pointer", "code"), _WRONG, ids=range(len(_WRONG)))
async def test_what_is_no_list_of_names_is_refused_soon(
    ada: Person, labels: Any, pointer: str, code: str
) -> None:
    todo = await ada.make_todo()
    requests = (("POST", "/v1/todos"), ("PATCH", f"/v1/todos/{todo['id']}"))
    for method, url in requests:
        costs, answer = [], None
        for _ in range(3):
            began = time.thread_time()
            answer = await ada.client.request(method, url, json={"title": "x", "labels": labels})
            costs.append(time.thread_time() - began)
        assert answer is not None
        assert answer.status_code == 422
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]
        assert min(costs) < 0.05
    assert await _names(ada) == []


async def test_as_many_as_there_may_be_as_long_as_they_may_be(ada: Person) -> None:
    labels = [chr(0x4E00 + number) + "\ufdfa" * 59 for number in range(50)]
    todo = await ada.make_todo(labels=labels)
    assert todo["labels"] == labels
    changed = await patch(ada, todo, *labels[1:], "\ufdfa" * 59 + "a")
    assert (changed.status_code, len(changed.json()["labels"])) == (200, 50)
    found = await ada.get("/v1/todos", params={"label": labels[7]})
    assert found.json()["items"] == [changed.json()]
    assert len(await ada.walk("/v1/labels", sort="-name", limit=7)) == 51


async def test_under_a_key_all_is_made_once(ada: Person, database: asyncpg.Connection) -> None:
    async def send() -> Response:
        return await ada.client.post(
            "/v1/todos",
            json={"title": "Once", "labels": ["home"]},
            headers={"Idempotency-Key": key},
        )

    key = uuid4().hex
    first, again = await send(), await send()
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    count = "SELECT count(*) FROM changes WHERE actor_id = $1 AND event = 'label.created'"
    assert await database.fetchval(count, ada.id) == 1


async def test_the_version_before_makes_todos_without_any(
    ada: Person, database: asyncpg.Connection
) -> None:
    """It names neither column."""
    todo = await ada.make_todo()
    await database.execute(
        "INSERT INTO todos (id, project_id, depth, created_by, title, title_key, priority, "
        "due_all_day, position, subtask_count, completed_subtask_count, version, created_at, "
        "updated_at) SELECT $2, project_id, 1, created_by, 'Old', 'old', 0, false, 'z', 0, 0, 1, "
        "created_at, updated_at FROM todos WHERE id = $1",
        UUID(todo["id"]),
        old := uuid4(),
    )
    await ada.invalidate()
    assert (await ada.get(f"/v1/todos/{old}")).json()["labels"] == []
    assert (await patch(ada, {"id": str(old)}, "new")).json()["labels"] == ["new"]
