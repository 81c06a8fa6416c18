"""Cursors of views, of which each goes on in its own alone."""

from datetime import datetime

import pytest
from fastapi import FastAPI

from tests.apps import Clock
from tests.features.views.asking import code
from tests.people import Person


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
