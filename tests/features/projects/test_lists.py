"""`GET /v1/projects`: which, in which order, page by page."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

import asyncpg
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.clock import new_id
from tests.features.todos.rows import START
from tests.people import Json, Person

_INSERT = """
WITH new AS (
    INSERT INTO projects (id, parent_id, depth, created_by, name, is_inbox, archived, position,
        version, created_at, updated_at)
    VALUES ($1, $2, CASE WHEN $2::uuid IS NULL THEN 1 ELSE 2 END, $3, 'Row', false, $4, $5, 1,
        $6, $6)
)
INSERT INTO project_members (user_id, project_id, role, created_at) VALUES ($3, $1, 'owner', $6)
"""
# Few of each, so that ties are common.
_ROWS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.sampled_from("aBz1"), st.integers(0, 2)),
    max_size=10,
)
_ALIKE = [(False, False, position, ms) for position in "aBz1" for ms in (0, 0, 1)]


async def _list(person: Person, **params: Any) -> list[Json]:
    page = await person.get("/v1/projects", params=params)
    assert page.status_code == 200, page.text
    items: list[Json] = page.json()["items"]
    return items


async def _names(person: Person, **params: Any) -> list[str]:
    return [project["name"] for project in await _list(person, **params)]


@given(
    rows=_ROWS,
    sort=st.sampled_from(["created_at", "-created_at", "position", "-position"]),
    archived=st.booleans(),
    below=st.none() | st.booleans(),
    limit=st.integers(1, 5),
)
# What chance finds in few runs only: an order within a page that is not the page's.
@example(rows=_ALIKE, sort="created_at", archived=False, below=None, limit=2)
@example(rows=_ALIKE, sort="-created_at", archived=False, below=None, limit=2)
@example(rows=_ALIKE, sort="position", archived=False, below=None, limit=2)
@example(rows=_ALIKE, sort="-position", archived=False, below=None, limit=2)
async def test_a_walk_gives_what_one_page_gives_in_the_order_of_the_contract(
    ada: Person,
    database: asyncpg.Connection,
    rows: list[tuple[bool, bool, str, int]],
    sort: str,
    archived: bool,
    below: bool | None,
    limit: int,
) -> None:
    inbox = UUID((await ada.inbox())["id"])
    await _clear(database, ada)
    expected: list[tuple[Any, UUID]] = []
    for number, (is_below, is_archived, position, ms) in enumerate(rows):
        project_id, created_at = uuid5(ada.id, f"{number}"), START + timedelta(milliseconds=ms)
        parent = inbox if is_below else None
        values = (project_id, parent, ada.id, is_archived, position, created_at)
        await database.execute(_INSERT, *values)
        if is_archived == archived and below in {None, is_below}:
            key = position.encode() if "position" in sort else created_at
            expected.append((key, project_id))
    await ada.invalidate()
    params = {"sort": sort, "archived": str(archived).lower()}
    if below is not None:
        params["parent_id"] = str(inbox) if below else "none"

    walked = [project["id"] for project in await ada.walk("/v1/projects", **params, limit=limit)]
    whole = [project["id"] for project in await _list(ada, **params, limit=200)]

    assert walked == whole
    in_order = sorted(expected, reverse=sort.startswith("-"))
    assert [project for project in walked if project != str(inbox)] == [
        str(project_id) for _, project_id in in_order
    ]


async def _clear(database: asyncpg.Connection, person: Person) -> None:
    """Leave the Inbox only."""
    ids = "(SELECT id FROM projects WHERE created_by = $1 AND NOT is_inbox)"
    await database.execute(f"DELETE FROM project_members WHERE project_id IN {ids}", person.id)
    await database.execute(f"DELETE FROM projects WHERE id IN {ids}", person.id)


async def test_the_newest_come_first_unless_asked_otherwise(ada: Person) -> None:
    for name in ("One", "Two"):
        await ada.make_project(name)

    assert await _names(ada) == ["Two", "One", "Inbox"]
    assert await _names(ada, sort="created_at") == ["Inbox", "One", "Two"]


async def test_a_new_project_stands_last(ada: Person) -> None:
    for name in ("One", "Two", "Three"):
        await ada.make_project(name)

    assert await _names(ada, sort="position") == ["Inbox", "One", "Two", "Three"]
    assert await _names(ada, sort="-position") == ["Three", "Two", "One", "Inbox"]


async def test_the_parent_filter_knows_one_level_and_the_top(ada: Person) -> None:
    root = await ada.make_project("Root")
    child = await ada.make_project("Child", parent_id=root["id"])
    await ada.make_project("Grandchild", parent_id=child["id"])

    assert sorted(await _names(ada, parent_id="none")) == ["Inbox", "Root"]
    assert await _names(ada, parent_id=root["id"]) == ["Child"]
    assert await _names(ada, parent_id=str(new_id())) == []


async def test_a_total_is_of_all_pages_and_there_if_it_is_asked_for(ada: Person) -> None:
    await ada.make_project()
    for url, total in (
        ("/v1/projects?limit=1&include_total=true", 2),
        (f"/v1/projects?parent_id={new_id()}&include_total=true", 0),
    ):
        assert (await ada.get(url)).json()["total"] == total
    assert "total" not in (await ada.get("/v1/projects")).json()


async def test_a_link_leads_to_the_next_page(ada: Person) -> None:
    await ada.make_project()
    first = await ada.get("/v1/projects?limit=1&archived=false&sort=position")

    url = first.headers["link"].removeprefix("<").removesuffix('>; rel="next"')
    assert url.startswith("/v1/projects?limit=1&archived=false&sort=position&cursor=")
    second = await ada.get(url)

    assert [project["name"] for project in second.json()["items"]] == ["Garden"]
    assert "link" not in second.headers


async def test_a_cursor_is_bound_to_its_user_and_its_query(ada: Person, bob: Person) -> None:
    for person in (ada, bob):
        await person.make_project()
    cursor = (await ada.get("/v1/projects?limit=1")).json()["next_cursor"]

    assert [project["name"] for project in await _list(ada, cursor=cursor)] == ["Inbox"]
    for person, query in (
        (bob, ""),
        (ada, "&sort=created_at"),
        (ada, "&archived=true"),
        (ada, "&parent_id=none"),
    ):
        response = await person.get(f"/v1/projects?cursor={cursor}{query}")
        assert (response.status_code, response.json()["code"]) == (422, "cursor_invalid")
    changed = cursor[:-1] + ("A" if cursor[-1] != "A" else "B")
    for wrong in (changed, "", "x", cursor + "="):
        response = await ada.get("/v1/projects", params={"cursor": wrong})
        assert (response.status_code, response.json()["code"]) == (422, "cursor_invalid")


_NOT_UNDERSTOOD = [
    ("limit=0", ("/limit", "out_of_range")),
    ("limit=201", ("/limit", "out_of_range")),
    ("limit=5&limit=5", ("/limit", "repeated")),
    ("sort=name", ("/sort", "not_allowed")),
    ("sort=due", ("/sort", "not_allowed")),
    ("archived=maybe", ("/archived", "wrong_type")),
    ("archived=", ("/archived", "wrong_type")),
    ("parent_id=root", ("/parent_id", "invalid_id")),
    ("completed=true", ("/completed", "unknown_parameter")),
]


async def test_a_parameter_that_is_not_understood_is_refused_by_name(ada: Person) -> None:
    for query, error in _NOT_UNDERSTOOD:
        response = await ada.get(f"/v1/projects?{query}")
        assert response.status_code == 422
        [only] = response.json()["errors"]
        assert (only["in"], only["pointer"], only["code"]) == ("query", *error)
