"""`/v1/views/…`: what is due today, on the days to come, and what is overdue, to the instant."""

from datetime import datetime
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI

from tests.apps import Clock
from tests.features.views.asking import at, code, listed, live_in, patch
from tests.people import Json, Person, share, sign_up

# By kind of due: the one that is a moment too early for a day, its first and last, and the next.
_DAYS = {
    "all day": [{"date": f"2026-{day}"} for day in ("11-30", "12-01", "12-01", "12-02")],
    "floating": [
        at(f"2026-{local}")
        for local in ("11-30T23:59:59", "12-01T00:00:00", "12-01T23:59:59", "12-02T00:00:00")
    ],
    "zoned": [
        at(f"2026-{local}", "Europe/Berlin")
        for local in ("11-30T11:59:59", "11-30T12:00:00", "12-01T11:59:59", "12-01T12:00:00")
    ],
}


@pytest.mark.parametrize("kind", _DAYS)
async def test_a_day_is_the_callers_for_every_kind_of_due(grete: Person, kind: str) -> None:
    for title, due in zip("abcd", _DAYS[kind], strict=True):
        await grete.make_todo(title, due=due)
    await grete.make_todo("e")

    assert await listed(grete, "today") == "a"
    assert await listed(grete, "upcoming", days=1) == "bc"
    assert await listed(grete, "upcoming", days=2) == "bcd"
    assert await listed(grete, "upcoming") == "bcd"

    await live_in(grete, "Pacific/Honolulu")  # where it is noon of the day before
    assert await listed(grete, "today") == ""
    assert await listed(grete, "upcoming", days=2) == ("abcd" if kind == "zoned" else "abc")


async def test_today_begins_anew_at_the_callers_midnight(
    timed: tuple[Clock, FastAPI], grete: Person
) -> None:
    clock, _ = timed
    for title, due in (("a", {"date": "2026-11-30"}), ("b", {"date": "2026-12-01"})):
        await grete.make_todo(title, due=due)
    clock.now = datetime.fromisoformat("2026-11-30T10:59:59.999Z")
    await grete.sign_in_again()
    assert [await listed(grete, view) for view in ("today", "overdue")] == ["a", ""]
    assert await listed(grete, "upcoming") == "b"
    clock.advance(milliseconds=1)
    assert [await listed(grete, view) for view in ("today", "overdue")] == ["ab", "a"]
    assert await listed(grete, "upcoming") == ""


async def test_a_year_ends_like_any_day(timed: tuple[Clock, FastAPI], grete: Person) -> None:
    clock, _ = timed
    for title, due in (("a", {"date": "2026-12-31"}), ("b", at("2027-01-01T00:00:00"))):
        await grete.make_todo(title, due=due)
    clock.now = datetime.fromisoformat("2026-12-31T10:59:59Z")
    await grete.sign_in_again()
    assert [await listed(grete, view) for view in ("today", "upcoming")] == ["a", "b"]
    clock.advance(seconds=1)
    assert [await listed(grete, view) for view in ("today", "upcoming")] == ["ab", ""]


async def test_overdue_is_the_filter(ada: Person) -> None:
    for title, due in (
        ("a", {"date": "2020-01-01"}),
        ("b", at("2020-01-01T09:00:00", "Asia/Tokyo")),
        ("c", {"date": "2999-01-01"}),
    ):
        await ada.make_todo(title, due=due)

    assert await listed(ada, "overdue") == "ab"
    same = await ada.get("/v1/todos?overdue=true&sort=due")
    assert (await ada.get("/v1/views/overdue")).json() == same.json()
    assert await listed(ada, "today") == "ab"


_VIEWS = {"today": "2020-01-01", "upcoming": "soon", "overdue": "2020-01-01"}


@pytest.fixture(params=_VIEWS)
async def view(request: pytest.FixtureRequest, timed: tuple[Clock, FastAPI]) -> str:
    timed[0].now = datetime.fromisoformat("2026-11-29T23:00:00Z")
    return str(request.param)


def due_in(view: str, day: int = 1) -> Json:
    """A day on which Grete has what is in that view."""
    return {"date": f"2026-12-0{day}" if view == "upcoming" else f"2026-11-0{day}"}


async def test_it_has_open_todos_of_projects_that_are_there_and_not_archived(
    view: str, grete: Person
) -> None:
    projects = [await grete.make_project(name) for name in ("Here", "Old", "Gone")]
    for title, project in zip("abc", projects, strict=True):
        await grete.make_todo(title, due=due_in(view), project_id=project["id"])
    await grete.make_todo("d", due=due_in(view), completed=True)
    trashed = await grete.make_todo("e", due=due_in(view))
    await grete.client.delete(f"/v1/todos/{trashed['id']}")
    await patch(grete, f"/v1/projects/{projects[1]['id']}", archived=True)
    await grete.client.delete(f"/v1/projects/{projects[2]['id']}")

    assert await listed(grete, view) == "a"
    for project, found in zip(projects, ("a", "", ""), strict=True):
        assert await listed(grete, view, project_id=project["id"]) == found
    named = [project["id"] for project in projects]
    assert await listed(grete, view, project_id=named) == "a"


async def test_it_has_what_the_caller_may_see(
    view: str, timed: tuple[Clock, FastAPI], grete: Person, database: asyncpg.Connection
) -> None:
    project = await grete.make_project()
    await grete.make_todo("a", due=due_in(view))
    await grete.make_todo("b", due=due_in(view), project_id=project["id"])
    async with sign_up(timed[1]) as other:
        await live_in(other, "Pacific/Auckland")
        assert await listed(other, view) == ""
        await share(database, project, other, "viewer")
        assert await listed(other, view) == "b"
        assert await listed(other, view, project_id=project["id"]) == "b"


async def test_it_is_sorted_and_filtered_as_lists_are(view: str, grete: Person) -> None:
    project = await grete.make_project()
    made = {}
    for title, day, priority, place in (
        ("a", 3, "low", project["id"]),
        ("b", 1, "urgent", None),
        ("c", 2, "none", project["id"]),
    ):
        made[title] = await grete.make_todo(
            title, due=due_in(view, day), priority=priority, project_id=place
        )

    assert await listed(grete, view) == await listed(grete, view, sort="due") == "bca"
    assert await listed(grete, view, sort="-due") == "acb"
    assert await listed(grete, view, sort="-priority") == "bac"
    assert await listed(grete, view, sort="-title") == "cba"
    assert await listed(grete, view, sort="created_at") == "abc"
    here = {"project_id": project["id"]}
    assert await listed(grete, view, **here, sort="-position") == "ca"
    assert await listed(grete, view, **here) == "ca"
    assert await listed(grete, view, priority=["low", "none"]) == "ca"
    response = await grete.get(f"/v1/views/{view}", params={"limit": 2, "include_total": "true"})
    page = response.json()
    assert (page["items"], page["total"]) == ([made["b"], made["c"]], 3)
    assert [todo["title"] for todo in await grete.walk(f"/v1/views/{view}", limit=1)] == [*"bca"]
    assert (await grete.get(response.links["next"]["url"])).json()["items"] == [made["a"]]


async def test_what_it_does_not_take_is_refused(view: str, grete: Person) -> None:
    async def asked(**params: Any) -> tuple[int, str, str]:
        return code(await grete.get(f"/v1/views/{view}", params=params))

    assert await asked(sort="position") == (422, "sort_needs_project", "/sort")
    for name, value in (
        ("sort", "relevance"),
        ("q", "train"),
        ("completed", "true"),
        ("overdue", "true"),
        ("due_before", "2026-12-01"),
        ("priority", "low,high"),
        ("limit", "0"),
        ("cursor", "x"),
    ):
        status, _, pointer = await asked(**{name: value})
        assert (status, pointer.removesuffix("/0")) == (422, f"/{name}")


@pytest.mark.parametrize("days", ["0", "91", "-1", "7.0", "", "seven", "\u0667"])
async def test_days_are_1_to_90(ada: Person, days: str) -> None:
    assert code(await ada.get(f"/v1/views/upcoming?days={days}"))[::2] == (422, "/days")


async def test_days_are_only_for_those_to_come(ada: Person) -> None:
    for view in ("today", "overdue"):
        assert code(await ada.get(f"/v1/views/{view}?days=7"))[::2] == (422, "/days")
