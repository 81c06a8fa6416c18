"""`GET /v1/todos`: which todos, in which order, and what its parameters may be."""

from typing import Any
from uuid import uuid4

import asyncpg
from httpx import Response

from app.core.clock import new_id
from tests.features.todos.rows import Row, make_shelf
from tests.people import Json, Person


async def _list(person: Person, **params: Any) -> list[Json]:
    page = await person.get("/v1/todos", params=params)
    assert page.status_code == 200, page.text
    items: list[Json] = page.json()["items"]
    return items


async def _titles(person: Person, **params: Any) -> list[str]:
    return [todo["title"] for todo in await _list(person, **params)]


def _errors(response: Response) -> list[tuple[str, str, str]]:
    assert response.status_code == 422, response.text
    return [(error["in"], error["pointer"], error["code"]) for error in response.json()["errors"]]


async def test_an_empty_list_is_a_page_without_items(ada: Person) -> None:
    page = await ada.get("/v1/todos")

    assert page.status_code == 200
    assert page.json() == {"items": [], "next_cursor": None}
    assert "link" not in page.headers


async def test_a_list_holds_whole_representations(ada: Person) -> None:
    todo = await ada.make_todo(priority="low", due={"date": "2026-11-30"}, description="By rail")

    assert await _list(ada) == [todo]


async def test_a_page_has_50_items_unless_asked_otherwise(
    ada: Person, database: asyncpg.Connection
) -> None:
    shelf = await make_shelf(ada)
    await shelf.clear(database)
    await shelf.put(database, [Row(f"row {number}") for number in range(201)])

    assert len(await _list(ada)) == 50
    assert len(await _list(ada, limit=1)) == 1
    assert len(await _list(ada, limit=200)) == 200


_NOT_UNDERSTOOD = [
    ("limit=0", ("query", "/limit", "out_of_range")),
    ("limit=201", ("query", "/limit", "out_of_range")),
    ("limit=-1", ("query", "/limit", "out_of_range")),
    ("limit=99999999999999999999", ("query", "/limit", "out_of_range")),
    ("limit=many", ("query", "/limit", "wrong_type")),
    ("limit=1.5", ("query", "/limit", "wrong_type")),
    ("limit=", ("query", "/limit", "wrong_type")),
    ("limit=1&limit=1", ("query", "/limit", "repeated")),
    ("sort=name", ("query", "/sort", "not_allowed")),
    ("sort=", ("query", "/sort", "not_allowed")),
    ("sort=due&sort=due", ("query", "/sort", "repeated")),
    ("cursor=a&cursor=b", ("query", "/cursor", "repeated")),
    ("completed=perhaps", ("query", "/completed", "wrong_type")),
    ("completed=true&completed=true", ("query", "/completed", "repeated")),
    ("parent_id=root", ("query", "/parent_id", "invalid_id")),
    ("parent_id=none&parent_id=none", ("query", "/parent_id", "repeated")),
    ("project_id=inbox", ("query", "/project_id/0", "invalid_id")),
    ("priority=top", ("query", "/priority/0", "not_allowed")),
    ("priority=low&priority=", ("query", "/priority/1", "not_allowed")),
    ("&".join(["priority=low"] * 6), ("query", "/priority", "too_long")),
    ("&".join([f"project_id={uuid4()}" for _ in range(101)]), ("query", "/project_id", "too_long")),
    ("offset=1", ("query", "/offset", "unknown_parameter")),
    ("Limit=1", ("query", "/Limit", "unknown_parameter")),
]


async def test_a_parameter_that_is_not_understood_is_refused_by_name(ada: Person) -> None:
    for query, error in _NOT_UNDERSTOOD:
        assert error in _errors(await ada.get(f"/v1/todos?{query}")), query


async def test_all_that_is_wrong_is_told_at_once(ada: Person) -> None:
    assert _errors(await ada.get("/v1/todos?offset=1&page=2")) == [
        ("query", "/offset", "unknown_parameter"),
        ("query", "/page", "unknown_parameter"),
    ]
    assert _errors(await ada.get("/v1/todos?limit=0&sort=name")) == [
        ("query", "/limit", "out_of_range"),
        ("query", "/sort", "not_allowed"),
    ]


async def test_positions_order_one_project_only(ada: Person) -> None:
    projects = [(await ada.make_project())["id"], (await ada.make_project())["id"]]
    for sort in ("position", "-position"):
        for query in ({}, {"project_id": projects}):
            response = await ada.get("/v1/todos", params={"sort": sort, **query})
            assert response.json()["code"] == "sort_needs_project"
            assert _errors(response) == [("query", "/sort", "sort_needs_project")]
        assert await _list(ada, sort=sort, project_id=projects[:1] * 2) == []


async def test_a_new_todo_stands_last_in_its_project(ada: Person) -> None:
    project = (await ada.make_project())["id"]
    names = ["first", "second", "third", "fourth"]
    todos = [await ada.make_todo(name, project_id=project) for name in names]

    positions = [todo["position"].encode() for todo in todos]
    assert positions == sorted(set(positions))
    assert await _titles(ada, project_id=project, sort="position") == names
    assert await _titles(ada, project_id=project, sort="-position") == names[::-1]


async def test_a_new_subtask_stands_last_too(ada: Person) -> None:
    parent = await ada.make_todo()
    names = ["first", "second", "third"]
    for name in names:
        await ada.make_todo(name, parent_id=parent["id"])

    params = {"project_id": parent["project_id"], "parent_id": parent["id"], "sort": "position"}
    assert await _titles(ada, **params) == names


async def test_dues_are_ordered_by_wall_clock_and_those_without_come_last(ada: Person) -> None:
    nine = "2026-11-30T09:00:00"
    for title, due in {
        "never": None,
        "zoned": {"datetime": nine, "timezone": "Pacific/Auckland"},
        "floating": {"datetime": "2026-11-30T08:59:59", "timezone": None},
        "day before": {"datetime": "2026-11-29T23:00:00", "timezone": "America/New_York"},
        "all day": {"date": "2026-11-30"},
    }.items():
        await ada.make_todo(title, due=due)

    ascending = ["day before", "all day", "floating", "zoned"]
    assert await _titles(ada, sort="due") == [*ascending, "never"]
    assert await _titles(ada, sort="-due") == [*ascending[::-1], "never"]


async def test_filters_narrow_each_other_and_repeated_values_widen(ada: Person) -> None:
    one, two = await ada.make_project("One"), await ada.make_project("Two")
    await ada.make_todo("a", project_id=one["id"], priority="low")
    await ada.make_todo("b", project_id=one["id"], priority="high", completed=True)
    await ada.make_todo("c", project_id=two["id"], priority="high")
    await ada.make_todo("d", priority="urgent")

    async def titles(**params: Any) -> str:
        return "".join(await _titles(ada, sort="created_at", **params))

    assert await titles() == "abcd"
    assert await titles(project_id=one["id"]) == "ab"
    assert await titles(project_id=[one["id"], two["id"]]) == "abc"
    assert await titles(priority="high") == "bc"
    assert await titles(priority=["low", "urgent"]) == "ad"
    assert await titles(completed="true") == "b"
    assert await titles(completed="false") == "acd"
    assert await titles(project_id=one["id"], priority="high", completed="true") == "b"
    assert await titles(project_id=two["id"], completed="true") == ""
    assert await titles(project_id=str(new_id())) == ""


async def test_the_parent_filter_knows_one_level_and_the_top(ada: Person) -> None:
    root = await ada.make_todo("root")
    child = await ada.make_todo("child", parent_id=root["id"])
    await ada.make_todo("grandchild", parent_id=child["id"])

    assert await _titles(ada, sort="created_at") == ["root", "child", "grandchild"]
    assert await _titles(ada, parent_id="none") == ["root"]
    assert await _titles(ada, parent_id=root["id"]) == ["child"]
    assert await _titles(ada, parent_id=root["id"].upper()) == ["child"]
    assert await _titles(ada, parent_id=str(new_id())) == []


async def test_archived_projects_are_listed_only_by_name(ada: Person) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo("shelved", project_id=project["id"])
    await ada.make_todo("current")
    await ada.client.patch(f"/v1/projects/{project['id']}", json={"archived": True})

    assert await _titles(ada) == ["current"]
    assert await _titles(ada, project_id=project["id"]) == ["shelved"]
    assert await _titles(ada, project_id=project["id"], sort="position") == ["shelved"]
    assert (await ada.get(f"/v1/todos/{todo['id']}")).status_code == 200


async def test_a_deleted_todo_is_in_no_list(ada: Person) -> None:
    parent = await ada.make_todo("parent")
    await ada.make_todo("child", parent_id=parent["id"], completed=True)
    await ada.client.delete(f"/v1/todos/{parent['id']}")

    for params in ({}, {"parent_id": parent["id"]}, {"completed": "true"}, {"parent_id": "none"}):
        assert await _list(ada, **params) == []
    positions = {"project_id": parent["project_id"], "sort": "position"}
    assert await _list(ada, **positions) == []
