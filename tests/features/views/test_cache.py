"""Views in the cache, to the caller's midnight."""

from datetime import datetime

import asyncpg
import pytest
from fastapi import FastAPI

from tests.apps import Clock
from tests.features.views.asking import at, listed, live_in
from tests.people import Person, sign_up, until_cached


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
