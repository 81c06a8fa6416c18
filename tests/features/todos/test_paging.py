"""Lists page by page: whatever the sort, the filters and the limit, each row is seen once."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
from hypothesis import example, given
from hypothesis import strategies as st

from app.core.pagination import MAX_LENGTH
from tests.features.todos.rows import PROJECTS, SORTS, START, Row, Shelf, make_shelf, rows
from tests.people import Person

# Far from UTC, and from the other zones.
_ZONE = ZoneInfo("Pacific/Kiritimati")
_MOMENTS = st.sampled_from(
    ["2026-11-30", "2026-12-01", "2026-11-29T19:00:00Z", "2026-11-30T09:00:00+01:00"]
)
_LIMITS = st.integers(1, 7)
_FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "project": st.integers(0, PROJECTS - 1),
        "parent": st.integers(0, 2),
        "completed": st.booleans(),
        "priority": st.lists(st.sampled_from(["none", "low", "urgent"]), min_size=1, max_size=2),
        "has_due": st.booleans(),
        "overdue": st.booleans(),
        "due_after": _MOMENTS,
        "due_before": _MOMENTS,
        "updated_since": st.integers(0, 2).map(lambda ms: START + timedelta(milliseconds=ms)),
    },
)
_Filters = dict[str, Any]
_SENT = ("completed", "priority", "has_due", "overdue", "due_after", "due_before")


async def _pages(person: Person, params: dict[str, Any]) -> list[list[str]]:
    pages = []
    cursor = None
    while True:
        query = params if cursor is None else {**params, "cursor": cursor}
        page = (await person.get("/v1/todos", params=query)).json()
        pages.append([todo["id"] for todo in page["items"]])
        cursor = page["next_cursor"]
        assert len(cursor or "") <= MAX_LENGTH
        if cursor is None:
            return pages


def _params(shelf: Shelf, sort: str, filters: _Filters) -> dict[str, Any]:
    params: dict[str, Any] = {"sort": sort}
    project = filters.get("project", 0 if "position" in sort else None)
    if project is not None:
        params["project_id"] = shelf.projects[project]["id"]
    if "parent" in filters:
        number = filters["parent"]
        params["parent_id"] = str(shelf.parents[project or 0][number - 1]) if number else "none"
    params |= {name: filters[name] for name in _SENT if name in filters}
    if "updated_since" in filters:
        params["updated_since"] = filters["updated_since"].isoformat()
    return params


def _matches(shelf: Shelf, row: Row, sort: str, filters: _Filters) -> bool:
    project = filters.get("project", 0 if "position" in sort else None)
    return (
        project in {None, row.project}
        and ("parent" not in filters or _is_below(row, filters["parent"], project or 0))
        and ("completed" not in filters or row.completed == filters["completed"])
        and ("priority" not in filters or row.priority in filters["priority"])
        and ("updated_since" not in filters or row.changed_at >= filters["updated_since"])
        and ("has_due" not in filters or (row.due is not None) == filters["has_due"])
        and ("overdue" not in filters or _is_overdue(row) == filters["overdue"])
        and ("due_after" not in filters or _is_due_before(row, filters["due_after"]) is False)
        and ("due_before" not in filters or _is_due_before(row, filters["due_before"]) is True)
    )


def _is_overdue(row: Row) -> bool:
    if row.completed or row.due is None:
        return False
    return row.due_instant(_ZONE, days=1) < datetime.now(UTC)


def _is_due_before(row: Row, moment: str) -> bool | None:
    """None: it is not due at all."""
    if row.due_local is None:
        return None
    if "T" in moment:
        return row.due_instant(_ZONE) < datetime.fromisoformat(moment)
    return row.due_local < datetime.fromisoformat(moment)


def _is_below(row: Row, parent: int, project: int) -> bool:
    return row.parent == parent and (parent == 0 or row.project == project)


def _parents(shelf: Shelf) -> set[str]:
    return {str(parent) for pair in shelf.parents for parent in pair}


# Many that are alike in all that is sorted by, in one project and in several.
_ALIKE = [
    Row(position=f"a{number:02}", project=number % 3, parent=number % 2) for number in range(24)
]


def _alike(test: Any) -> Any:
    for sort in SORTS:
        for filters in ({}, {"project": 1}, {"project": 1, "parent": 1}):
            test = example(rows=_ALIKE, sort=sort, filters=filters, limit=3)(test)
    return test


@_alike
@given(rows=rows(), sort=st.sampled_from(SORTS), filters=_FILTERS, limit=_LIMITS)
async def test_a_walk_gives_what_one_page_gives_in_the_order_of_the_contract(
    ada: Person,
    database: asyncpg.Connection,
    rows: list[Row],
    sort: str,
    filters: _Filters,
    limit: int,
) -> None:
    shelf = await _shelf_of(ada, database)
    await shelf.put(database, rows)
    params = _params(shelf, sort, filters)

    pages = await _pages(ada, {**params, "limit": limit})
    [whole] = await _pages(ada, {**params, "limit": 200})

    walked = [todo for page in pages for todo in page]
    assert walked == whole
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len(pages[-1]) > 0 or len(pages) == 1
    found = [row for row in rows if _matches(shelf, row, sort, filters)]
    assert [todo for todo in walked if todo not in _parents(shelf)] == shelf.in_order(found, sort)


@given(
    staying=rows(salt=0),
    going=rows(salt=1),
    coming=rows(salt=2),
    sort=st.sampled_from(SORTS),
    filters=_FILTERS,
    limit=_LIMITS,
    data=st.data(),
)
async def test_what_stays_put_is_seen_exactly_once_whatever_comes_and_goes(
    ada: Person,
    database: asyncpg.Connection,
    staying: list[Row],
    going: list[Row],
    coming: list[Row],
    sort: str,
    filters: _Filters,
    limit: int,
    data: st.DataObject,
) -> None:
    shelf = await _shelf_of(ada, database)
    await shelf.put(database, staying + going)
    params = {**_params(shelf, sort, filters), "limit": limit}
    coming, going = list(coming), list(going)
    seen: list[str] = []

    while True:
        page = (await ada.get("/v1/todos", params=params)).json()
        seen += [todo["id"] for todo in page["items"]]
        if page["next_cursor"] is None:
            break
        params["cursor"] = page["next_cursor"]
        await shelf.take(database, [going.pop() for _ in range(_some(data, going))])
        await shelf.put(database, [coming.pop() for _ in range(_some(data, coming))])

    assert len(set(seen)) == len(seen)
    stayed = {str(shelf.id_of(row)) for row in staying}
    expected = [row for row in staying if _matches(shelf, row, sort, filters)]
    assert [todo for todo in seen if todo in stayed] == shelf.in_order(expected, sort)


def _some(data: st.DataObject, rows: list[Row]) -> int:
    return data.draw(st.integers(0, len(rows)))


async def _shelf_of(person: Person, database: asyncpg.Connection) -> Shelf:
    """The person's projects, emptied for another example."""
    projects = (await person.get("/v1/projects", params={"sort": "created_at"})).json()["items"]
    if len(projects) == 1:
        zone = await person.client.patch("/v1/users/me", json={"timezone": _ZONE.key})
        assert zone.status_code == 200
    shelf = Shelf(person, projects[1:]) if len(projects) > 1 else await make_shelf(person)
    await shelf.clear(database)
    return shelf
