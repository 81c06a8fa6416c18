"""`repeat_from: completion`: the series begins anew on the day of completion."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from app.core.settings import Settings
from tests.apps import Clock, running
from tests.features.completions.repeating import (
    at,
    complete,
    completed,
    day,
    done,
    make,
    occurrences,
    read,
    take_back,
    tick,
)
from tests.people import Json, Person, sign_in, sign_up


@pytest.fixture
def clock() -> Clock:
    clock = Clock()
    clock.now = datetime(2026, 11, 30, 12, tzinfo=UTC)
    return clock


@pytest.fixture
async def eve(settings: Settings, clock: Clock) -> AsyncIterator[Person]:
    """Somebody for whom it is what the clock says."""
    async with running(settings, now=clock) as app, sign_up(app, "Eve") as person:
        yield person


async def _make(person: Person, due: Json, rrule: str) -> Json:
    return await make(person, due, rrule, "completion")


async def test_the_series_begins_on_the_day_of_completion(eve: Person, clock: Clock) -> None:
    todo = await _make(eve, at("2026-11-20T18:00:00"), "FREQ=DAILY;INTERVAL=3;COUNT=3")

    late = await tick(eve, todo)
    clock.advance(days=4, hours=12.5)
    tokens = await sign_in(eve.client, eve.user["email"])
    eve.client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    later = await tick(eve, todo)
    last = await tick(eve, todo)

    assert late["due"] == at("2026-12-03T18:00:00")
    assert later["due"] == at("2026-12-08T18:00:00")
    assert (last["completed"], last["due"]) == (True, later["due"])


@pytest.mark.parametrize(
    ("callers", "due", "following"),
    [
        # 12:00 UTC is already tomorrow there.
        ("Pacific/Kiritimati", day("2026-11-20"), day("2026-12-08")),
        ("Pacific/Kiritimati", at("2026-11-20T09:00:00"), at("2026-12-08T09:00:00")),
        (
            "Pacific/Kiritimati",
            at("2026-11-20T09:00:00", "Europe/Berlin"),
            at("2026-12-07T09:00:00", "Europe/Berlin"),
        ),
        (
            "UTC",
            at("2026-11-20T09:00:00", "Pacific/Kiritimati"),
            at("2026-12-08T09:00:00", "Pacific/Kiritimati"),
        ),
    ],
)
async def test_the_day_is_that_of_the_due_or_of_the_caller(
    eve: Person, callers: str, due: Json, following: Json
) -> None:
    await eve.client.patch("/v1/users/me", json={"timezone": callers})
    todo = await _make(eve, due, "FREQ=WEEKLY")

    assert (await tick(eve, todo))["due"] == following


async def test_what_is_completed_early_is_over_all_the_same(eve: Person) -> None:
    """Its next day would be the same one: then it could be completed twice by one request."""
    tomorrow = await _make(eve, day("2026-12-01"), "FREQ=DAILY")
    far = await _make(eve, day("2026-12-24"), "FREQ=DAILY")

    _, after = await completed(eve, tomorrow)
    assert after["due"] == day("2026-12-02")
    assert (await complete(eve, tomorrow)).json()["code"] == "occurrence_not_current"
    assert (await tick(eve, far))["due"] == day("2026-12-01")


async def test_until_ends_what_begins_anew(eve: Person) -> None:
    todo = await _make(eve, day("2026-11-20"), "FREQ=WEEKLY;UNTIL=20261206")

    assert (await tick(eve, todo))["completed"]


async def test_taking_it_back_restores_the_series(eve: Person) -> None:
    todo = await _make(eve, day("2026-11-20"), "FREQ=MONTHLY;INTERVAL=2")
    foretold = await occurrences(eve, todo, 3)
    completion, _ = await completed(eve, todo)
    assert (await read(eve, todo))["due"] == day("2027-01-30")

    assert (await take_back(eve, todo, completion)).status_code == 204

    assert foretold == await occurrences(eve, todo, 3)
    assert foretold == [day("2026-11-20"), day("2027-01-20"), day("2027-03-20")]
    assert await done(eve, todo) == []
