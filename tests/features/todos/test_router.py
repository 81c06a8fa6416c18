"""`/v1/todos`: create, read, change, delete."""

import re
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
from httpx import ASGITransport, AsyncClient, Response

from app.core.clock import new_id, utc_now
from app.core.schemas import format_instant
from app.core.settings import Settings
from app.main import create_app
from tests.people import Json, Person

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def _errors(response: Response) -> list[tuple[str, str]]:
    assert response.status_code == 422, response.text
    assert response.json()["code"] == "validation_failed"
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]


async def test_create_answers_the_whole_todo(ada: Person) -> None:
    response = await ada.client.post("/v1/todos", json={"title": "  Book the train  "})

    todo = response.json()
    assert response.status_code == 201
    assert response.headers["location"] == f"/v1/todos/{todo['id']}"
    assert response.headers["etag"] == '"1"'
    assert UUID(todo["id"]).version == 7
    assert todo == {
        "id": todo["id"],
        "version": 1,
        "project_id": (await ada.inbox())["id"],
        "parent_id": None,
        "title": "Book the train",
        "description": None,
        "completed": False,
        "completed_at": None,
        "priority": "none",
        "due": None,
        "labels": [],
        "position": todo["position"],
        "subtask_count": 0,
        "completed_subtask_count": 0,
        "created_by": str(ada.id),
        "created_at": todo["created_at"],
        "updated_at": todo["created_at"],
        "deleted_at": None,
    }
    assert (await ada.get(response.headers["location"])).json() == todo


async def test_create_takes_every_field(ada: Person) -> None:
    project = await ada.make_project()
    parent = await ada.make_todo(project_id=project["id"])
    fields = {
        "id": str(new_id()),
        "project_id": project["id"],
        "parent_id": parent["id"],
        "title": "Pack",
        "description": "# Bags\n\n- *two*",
        "completed": True,
        "priority": "urgent",
        "due": {"datetime": "2026-11-30T09:00:00", "timezone": "Europe/Berlin"},
    }

    todo = await ada.make_todo(**fields)

    assert {name: todo[name] for name in fields} == fields
    assert todo["completed_at"] == todo["created_at"]
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo


async def test_fields_of_null_are_as_good_as_left_out(ada: Person) -> None:
    nothing: Json = dict.fromkeys(("id", "project_id", "parent_id", "description", "due"))

    todo = await ada.make_todo(**nothing)

    assert todo["project_id"] == (await ada.inbox())["id"]
    assert [todo[name] for name in ("parent_id", "description", "due")] == [None, None, None]


async def test_a_subtask_is_in_its_parents_project_without_saying_so(ada: Person) -> None:
    parent = await ada.make_todo(project_id=(await ada.make_project())["id"])

    assert (await ada.make_todo(parent_id=parent["id"]))["project_id"] == parent["project_id"]


async def test_instants_are_utc_with_milliseconds(
    ada: Person, database: asyncpg.Connection
) -> None:
    todo = await ada.make_todo(completed=True)

    assert all(_INSTANT.fullmatch(todo[f"{name}_at"]) for name in ("created", "updated"))
    assert _INSTANT.fullmatch(todo["completed_at"])
    row = await database.fetchrow("SELECT * FROM todos WHERE id = $1", UUID(todo["id"]))
    assert row is not None
    assert row["created_at"].isoformat(timespec="milliseconds") == todo["created_at"].replace(
        "Z", "+00:00"
    )
    assert row["created_at"].microsecond % 1000 == 0


async def test_time_is_injected(settings: Settings, ada: Person) -> None:
    times = [utc_now()]
    app = create_app(settings, now=lambda: times[-1])
    headers = ada.client.headers
    async with (
        app.router.lifespan_context(app),
        AsyncClient(transport=ASGITransport(app), base_url="http://tickbox", headers=headers) as c,
    ):
        todo = (await c.post("/v1/todos", json={"title": "Now"})).json()
        times.append(times[0] + timedelta(minutes=1))
        patched = (await c.patch(f"/v1/todos/{todo['id']}", json={"completed": True})).json()

    first, second = (format_instant(time) for time in times)
    assert (todo["created_at"], todo["updated_at"]) == (first, first)
    assert (patched["created_at"], patched["updated_at"]) == (first, second)
    assert patched["completed_at"] == second


_WRONG: list[tuple[Json, tuple[str, str]]] = [
    ({}, ("/title", "required")),
    ({"title": None}, ("/title", "wrong_type")),
    ({"title": 1}, ("/title", "wrong_type")),
    ({"title": ""}, ("/title", "too_short")),
    ({"title": " \t\u3000\n"}, ("/title", "too_short")),
    ({"title": "x" * 501}, ("/title", "too_long")),
    ({"title": "a\x00b"}, ("/title", "nul_character")),
    ({"description": "x" * 50_001}, ("/description", "too_long")),
    ({"description": "\x00"}, ("/description", "nul_character")),
    ({"description": ["x"]}, ("/description", "wrong_type")),
    ({"completed": None}, ("/completed", "wrong_type")),
    ({"completed": "true"}, ("/completed", "wrong_type")),
    ({"completed": 1}, ("/completed", "wrong_type")),
    ({"priority": None}, ("/priority", "not_allowed")),
    ({"priority": "High"}, ("/priority", "not_allowed")),
    ({"priority": 1}, ("/priority", "not_allowed")),
    ({"id": "1"}, ("/id", "invalid_id")),
    ({"id": str(uuid4())}, ("/id", "invalid_id")),
    ({"project_id": "inbox"}, ("/project_id", "invalid_id")),
    ({"parent_id": "none"}, ("/parent_id", "invalid_id")),
    ({"Title": "x"}, ("/Title", "unknown_field")),
    ({"a/b~c": 1}, ("/a~1b~0c", "unknown_field")),
]


async def test_create_tells_which_field_is_wrong(ada: Person) -> None:
    for fields, error in _WRONG:
        sent = {"title": "Valid", **fields} if fields else {}
        response = await ada.client.post("/v1/todos", json=sent)
        assert _errors(response) == [error], fields
    assert (await ada.get("/v1/todos")).json()["items"] == []


READ_ONLY = {
    "version": 1,
    "position": "0",
    "created_by": str(uuid4()),
    "created_at": "2026-11-22T09:00:00.000Z",
    "updated_at": "2026-11-22T09:00:00.000Z",
    "completed_at": None,
    "deleted_at": None,
    "subtask_count": 0,
    "completed_subtask_count": 0,
}


async def test_no_read_only_field_is_taken(ada: Person) -> None:
    todo = await ada.make_todo()
    unknown = sorted((f"/{name}", "unknown_field") for name in READ_ONLY)

    created = await ada.client.post("/v1/todos", json={"title": "New", **READ_ONLY})
    patched = await ada.client.patch(f"/v1/todos/{todo['id']}", json=READ_ONLY)

    assert sorted(_errors(created)) == unknown
    assert sorted(_errors(patched)) == unknown


async def test_a_patch_cannot_move_a_todo_or_change_its_id(ada: Person) -> None:
    todo = await ada.make_todo()
    for name in ("id", "project_id", "parent_id"):
        response = await ada.client.patch(f"/v1/todos/{todo['id']}", json={name: todo[name]})
        assert _errors(response) == [(f"/{name}", "unknown_field")]


async def test_texts_may_be_as_long_as_the_contract_says(ada: Person) -> None:
    # Code points, of which each is four bytes; the white space around the title does not count.
    title, description = "🚆" * 500, "🚆" * 50_000

    todo = await ada.make_todo(f" {title}\u00a0\n", description=description)

    assert (todo["title"], todo["description"]) == (title, description)


async def test_a_read_of_nothing_is_404(ada: Person) -> None:
    response = await ada.get(f"/v1/todos/{new_id()}")

    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == "not_found"


async def test_an_id_that_is_none_is_422(ada: Person) -> None:
    url = "/v1/todos/first"
    for response in (
        await ada.get(url),
        await ada.client.patch(url, json={}),
        await ada.client.delete(url),
    ):
        assert _errors(response) == [("/todo_id", "invalid_id")]
        assert response.json()["errors"][0]["in"] == "path"


async def test_a_deleted_todo_is_gone(ada: Person) -> None:
    todo = await ada.make_todo()
    url = f"/v1/todos/{todo['id']}"

    response = await ada.client.delete(url)

    assert (response.status_code, response.content) == (204, b"")
    assert (await ada.get(url)).status_code == 404
    assert (await ada.client.patch(url, json={"title": "Back"})).status_code == 404
    assert (await ada.client.delete(url)).status_code == 404


async def test_there_is_no_put(ada: Person) -> None:
    todo = await ada.make_todo()

    response = await ada.client.put(f"/v1/todos/{todo['id']}", json={"title": "Other"})

    assert response.status_code == 405
    assert response.json()["code"] == "method_not_allowed"
    assert response.headers["allow"] == "DELETE, GET, HEAD, PATCH"


async def test_a_get_never_writes(ada: Person, database: asyncpg.Connection) -> None:
    todo = await ada.make_todo()

    async def state() -> list[asyncpg.Record]:
        return await database.fetch(
            "SELECT xmin::text, version, updated_at FROM todos WHERE created_by = $1 UNION ALL "
            "SELECT xmin::text, id, created_at FROM changes WHERE actor_id = $1 UNION ALL "
            "SELECT xmin::text, version, updated_at FROM projects WHERE created_by = $1",
            ada.id,
        )

    before = await state()
    for url in (f"/v1/todos/{todo['id']}", "/v1/todos", "/v1/projects", "/v1/todos?sort=due"):
        assert (await ada.get(url)).status_code == 200
    assert await state() == before
