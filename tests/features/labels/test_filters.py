"""`label` and `label_all`: any of them, all of them, by folded name, in every order."""

from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Integer, literal_column

from app.features.todos.sql import labelled
from tests.features.todos.rows import SORTS, Row, Shelf, make_shelf, rows
from tests.people import Json, Person
from tests.shapes import fresh

_LABELS = ("a", "b", "c")


async def _titles(person: Person, **params: Any) -> str:
    response = await person.get("/v1/todos", params={"sort": "title", **params})
    assert response.status_code == 200, response.text
    return "".join(todo["title"] for todo in response.json()["items"])


@pytest.fixture
async def shelf(app: FastAPI, ada: Person) -> Shelf:
    return await make_shelf(ada)


async def test_any_of_them_or_all_of_them_whatever_the_case_and_width(ada: Person) -> None:
    for title, labels in {
        "1": ["Home"],
        "2": ["home", "Stra\u00dfe"],
        "3": ["other"],
        "4": [],
    }.items():
        await ada.make_todo(title, labels=labels)

    assert await _titles(ada, label="HOME") == "12"
    assert await _titles(ada, label=" \uff48\uff4f\uff4d\uff45") == "12"
    assert await _titles(ada, label=["STRASSE", "other"]) == "23"
    assert await _titles(ada, label_all=["strasse", "home", "HOME"]) == "2"
    assert await _titles(ada, label=["home", "other"], label_all="strasse") == "2"
    assert await _titles(ada, label="home", q="2") == "2"
    for params in ({"label": "nobody's"}, {"label_all": ["home", "nobody's"]}):
        assert await _titles(ada, **params) == ""
        page = await ada.get("/v1/todos", params={**params, "include_total": "true"})
        assert page.json()["total"] == 0
    total = await ada.get("/v1/todos?label=home&include_total=true")
    assert total.json()["total"] == 2


async def test_what_is_no_name_of_a_label_is_refused(ada: Person) -> None:
    for params, pointer, code in (
        ({"label": ""}, "/label/0", "too_short"),
        ({"label": ["a", "x" * 61]}, "/label/1", "too_long"),
        ({"label_all": "a\nb"}, "/label_all/0", "line_break"),
        ({"label": "\x00"}, "/label/0", "nul_character"),
        ({"label": [f"{n}" for n in range(51)]}, "/label", "too_long"),
    ):
        response = await ada.get("/v1/todos", params=params)
        assert response.status_code == 422
        [error] = response.json()["errors"]
        assert (error["pointer"], error["code"], error["in"]) == (pointer, code, "query")


async def test_of_somebody_else_and_of_the_trash_nothing_is_found(ada: Person, bob: Person) -> None:
    await bob.make_todo(labels=["home"])
    gone = await ada.make_todo(labels=["home"])
    assert (await ada.client.delete(f"/v1/todos/{gone['id']}")).status_code == 204
    assert await _titles(ada, label="home") == ""


async def test_a_cursor_is_bound_to_the_labels(ada: Person) -> None:
    for _ in range(2):
        await ada.make_todo(labels=["home"])
    cursor = (await ada.get("/v1/todos?label=home&limit=1")).json()["next_cursor"]
    assert (await ada.get(f"/v1/todos?label=home&cursor={cursor}")).is_success
    for query in ("", "label=other&", "label_all=home&"):
        response = await ada.get(f"/v1/todos?{query}cursor={cursor}")
        assert (response.status_code, response.json()["code"]) == (422, "cursor_invalid")


async def test_a_label_behind_what_is_read_in_the_order_is_found(ada: Person) -> None:
    """Each of the 3 projects is read for 15 todos: a third of 20 for this one and the next."""
    last = await ada.make_todo(labels=["rare"])
    for _ in range(2):
        await ada.make_project()
    for _ in range(20):
        await ada.make_todo()
    found = await ada.walk("/v1/todos", label="rare", sort="-created_at", limit=1)
    assert [todo["id"] for todo in found] == [last["id"]]


@given(
    rows=rows(max_size=40),
    sets=st.lists(st.sets(st.sampled_from(_LABELS)), min_size=40, max_size=40),
    sort=st.sampled_from(SORTS),
    limit=st.integers(1, 4),
    read=st.integers(1, 3),
    one=st.booleans(),
    completed=st.none() | st.booleans(),
    any_of=st.sets(st.sampled_from(_LABELS)),
    all_of=st.sets(st.sampled_from(_LABELS), max_size=2),
)
async def test_a_walk_finds_what_has_them_in_the_order_of_the_contract(
    shelf: Shelf,
    database: asyncpg.Connection,
    rows: list[Row],
    sets: list[set[str]],
    sort: str,
    limit: int,
    read: int,
    one: bool,
    completed: bool | None,
    any_of: set[str],
    all_of: set[str],
) -> None:
    """However far each project is read in the order of the sort."""
    await shelf.clear(database)
    await shelf.put(database, rows)
    labels = dict(zip(rows, sets, strict=False))
    for row, names in labels.items():
        await database.execute(
            "UPDATE todos SET labels = $1, label_keys = $1 WHERE id = $2",
            sorted(names),
            shelf.id_of(row),
        )
    params: Json = {"sort": sort, "label": sorted(any_of), "label_all": sorted(all_of)}
    if not any_of and not all_of:
        params["label"], any_of = ["a"], {"a"}
    is_one = one or "position" in sort
    if is_one:
        params["project_id"] = shelf.projects[0]["id"]
    if completed is not None:
        params["completed"] = str(completed).lower()
    wanted = [
        row
        for row, names in labels.items()
        if (names & any_of or not any_of) and names >= all_of
        if completed in (None, row.completed)
        if not is_one or row.project == 0
    ]

    # The statements that other tests use read as far as they should.
    with fresh(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(labelled, "_READ", literal_column(str(read), Integer))
        walked = await shelf.owner.walk("/v1/todos", **params, limit=limit)

    assert [todo["id"] for todo in walked] == shelf.in_order(wanted, sort)
