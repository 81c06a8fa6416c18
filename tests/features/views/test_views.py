"""`/v1/views/…`: what is due today, on the days to come, and what is overdue, to the instant."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import Response

from app.core.settings import Settings
from tests.apps import Clock, running
from tests.people import Json, Person, share, sign_up, until_cached


def at(local: str, zone: str | None = None) -> Json:
    return {"datetime": local, "timezone": zone}


async def listed(person: Person, view: str, **params: Any) -> str:
    """The titles, in the order of the answer."""
    response = await person.get(f"/v1/views/{view}", params=params)
    assert response.status_code == 200, response.text
    return "".join(todo["title"] for todo in response.json()["items"])


async def live_in(person: Person, zone: str) -> None:
    response = await person.client.patch("/v1/users/me", json={"timezone": zone})
    assert response.status_code == 200, response.text


async def patch(person: Person, url: str, **fields: Any) -> Json:
    response = await person.client.patch(url, json=fields)
    assert response.status_code == 200, response.text
    changed: Json = response.json()
    return changed


@pytest.fixture(scope="module")
async def timed(settings: Settings) -> AsyncIterator[tuple[Clock, FastAPI]]:
    clock = Clock()
    async with running(settings, now=clock) as app:
        yield clock, app


@pytest.fixture
async def grete(timed: tuple[Clock, FastAPI]) -> AsyncIterator[Person]:
    """Somebody in Auckland (13 hours before UTC), at noon of 30 November 2026."""
    clock, app = timed
    clock.now = datetime.fromisoformat("2026-11-29T23:00:00Z")
    async with sign_up(app, "Grete") as person:
        await live_in(person, "Pacific/Auckland")
        yield person


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


def code(response: Response) -> tuple[int, str, str]:
    problem = response.json()
    return response.status_code, problem["code"], problem["errors"][0]["pointer"]


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


class TestCursor:
    @pytest.fixture
    async def two(self, grete: Person) -> Person:
        """Somebody with two todos in each view."""
        for day in (1, 2):
            await grete.make_todo("late", due={"date": f"2026-11-0{day}"})
            await grete.make_todo("soon", due={"date": f"2026-12-0{day}"})
        return grete

    async def test_is_of_its_view_alone(self, two: Person) -> None:
        urls = [
            *("/v1/views/today", "/v1/views/overdue", "/v1/views/upcoming"),
            *("/v1/views/upcoming?days=8", "/v1/todos?completed=false&sort=due"),
            *("/v1/todos?overdue=true&sort=due", "/v1/views/today?priority=none"),
            "/v1/views/today?sort=-due",
        ]
        cursors = {}
        for url in urls:
            page = await two.get(url, params={"limit": 1} | dict(_params(url)))
            cursors[url] = page.json()["next_cursor"]
        assert None not in cursors.values()
        for url in urls:
            for other, cursor in cursors.items():
                params = {"cursor": cursor, "limit": 1} | dict(_params(url))
                response = await two.get(url, params=params)
                if url == other:
                    assert response.status_code == 200
                else:
                    assert code(response) == (422, "cursor_invalid", "/cursor")

    async def test_goes_on_after_midnight_with_the_list_of_that_day(
        self, timed: tuple[Clock, FastAPI], two: Person
    ) -> None:
        clock, _ = timed
        clock.now = datetime.fromisoformat("2026-11-30T10:59:59Z")
        await two.sign_in_again()
        today, upcoming = [
            (await two.get(f"/v1/views/{view}?limit=1")).json() for view in ("today", "upcoming")
        ]
        clock.advance(seconds=2)

        rest = await two.walk("/v1/views/today", limit=1, cursor=today["next_cursor"])
        assert [todo["due"]["date"] for todo in rest] == ["2026-11-02", "2026-12-01"]
        rest = await two.walk("/v1/views/upcoming", limit=1, cursor=upcoming["next_cursor"])
        assert [todo["due"]["date"] for todo in rest] == ["2026-12-02"]


def _params(url: str) -> list[tuple[str, str]]:
    """httpx replaces the query of an address by these."""
    return [
        (name, value)
        for name, _, value in (part.partition("=") for part in url.partition("?")[2].split("&"))
        if name
    ]


class TestCache:
    """Kept until the caller's midnight; what is overdue is not kept."""

    URLS = ("/v1/views/today", "/v1/views/upcoming?days=2")

    async def test_keeps_what_changes_at_midnight(self, ada: Person) -> None:
        for url in self.URLS:
            first = await ada.get(url)
            hit = await until_cached(ada, url)
            assert (first.headers["x-cache"], hit.content) == ("miss", first.content)
            same = await ada.get(url, headers={"If-None-Match": hit.headers["etag"]})
            assert (same.status_code, same.headers["x-cache"]) == (304, "hit")
        for _ in range(2):
            answer = await ada.get("/v1/views/overdue")
            assert answer.headers["x-cache"] == "bypass"
        same = await ada.get("/v1/views/overdue", headers={"If-None-Match": answer.headers["etag"]})
        assert same.status_code == 304

    @pytest.mark.parametrize(
        ("zone", "last"),
        [
            ("Pacific/Auckland", "2026-11-30T10:59:59.999Z"),
            ("Asia/Kathmandu", "2026-12-31T18:14:59.999Z"),
            # The day has 23 hours, or 25, or begins at one.
            ("Europe/Berlin", "2027-03-28T21:59:59.999Z"),
            ("Europe/Berlin", "2027-10-31T22:59:59.999Z"),
            ("Asia/Beirut", "2027-03-27T21:59:59.999Z"),
        ],
    )
    async def test_gives_it_until_midnight_at_most(
        self, timed: tuple[Clock, FastAPI], zone: str, last: str
    ) -> None:
        clock, app = timed
        clock.now = datetime.fromisoformat(last)
        async with sign_up(app) as person:
            await live_in(person, zone)
            for url in self.URLS:
                await until_cached(person, url)
            clock.advance(milliseconds=1)
            for url in self.URLS:
                assert (await person.get(url)).headers["x-cache"] == "miss"
                await until_cached(person, url)

    async def test_forgets_with_a_write_and_with_another_zone(self, grete: Person) -> None:
        for url in self.URLS:
            await until_cached(grete, url)
        await grete.make_todo("a", due=at("2026-11-30T23:00:00", "Pacific/Auckland"))
        for url, found in zip(self.URLS, (1, 0), strict=True):
            assert len((await grete.get(url)).json()["items"]) == found
            await until_cached(grete, url)
        await live_in(grete, "Pacific/Fiji")  # where that is 22:00
        assert len((await grete.get(self.URLS[0])).json()["items"]) == 1
        await live_in(grete, "Pacific/Kiritimati")  # and there it is midnight
        for url, found in zip(self.URLS, (0, 1), strict=True):
            assert len((await grete.get(url)).json()["items"]) == found

    async def test_another_zone_counts_at_once_in_every_process(
        self, grete: Person, database: asyncpg.Connection
    ) -> None:
        await grete.make_todo("a", due={"date": "2026-11-30"})
        for zone, found in (("Pacific/Honolulu", ""), ("Asia/Tokyo", "a")):
            # As if another one had changed it.
            await database.execute("UPDATE users SET timezone = $1 WHERE id = $2", zone, grete.id)
            await grete.invalidate()
            assert await listed(grete, "today") == found
