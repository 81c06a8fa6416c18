"""`recurrence`: what is refused, and where a series begins."""

import time
from uuid import UUID

import asyncpg
import pytest
from httpx import Response

from app.core.clock import new_id
from tests.features.completions.repeating import (
    WEEKLY,
    at,
    complete,
    day,
    make,
    occurrences,
    patched,
    problem,
    read,
    recurrence,
    send,
    tick,
)
from tests.people import Json, Person

RULE = "/recurrence/rrule"
MONDAY, BERLIN = "2026-11-30", "Europe/Berlin"
DAY, FLOATING, ZONED = day(MONDAY), at(f"{MONDAY}T09:00:00"), at(f"{MONDAY}T09:00:00", BERLIN)


async def _create(person: Person, due: Json | None, rrule: str = WEEKLY) -> Response:
    fields = {"title": "Water", "due": due, "recurrence": recurrence(rrule)}
    return await person.client.post("/v1/todos", json=fields)


async def test_a_rule_comes_back_in_capitals(ada: Person) -> None:
    todo = await make(ada, DAY, "freq=weekly;byday=mo")

    assert todo["recurrence"] == recurrence("FREQ=WEEKLY;BYDAY=MO")
    assert list(todo["recurrence"]) == ["rrule", "repeat_from"]
    assert await read(ada, todo) == todo
    [listed] = (await ada.get("/v1/todos")).json()["items"]
    assert listed == todo


@pytest.mark.parametrize(
    "rrule",
    [
        "",
        "weekly",
        "RRULE:FREQ=WEEKLY",
        "FREQ=WEEKLY;FREQ=WEEKLY",
        "FREQ=WEEKLY\nDTSTART:20261130",
        "FREQ=WEEKLY;COUNT=2;UNTIL=20270101",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=SECONDLY",
        "FREQ=MINUTELY",
        "FREQ=DAILY;BYSECOND=1",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;EXDATE=20261130",
        "FREQ=DA\u0131LY",
        "FREQ=DAILY;INTERVAL=\u0662",
        "FREQ=DAILY\0",
        "FREQ=DAILY;BYMONTH=" + ",".join(["1"] * 250),
        "F" * 100_000,
    ],
)
async def test_what_is_no_rule_is_refused(ada: Person, rrule: str) -> None:
    begun = time.thread_time()
    made = await _create(ada, DAY, rrule)
    assert time.thread_time() - begun < 0.05
    assert problem(made) == (422, "rrule_invalid", [RULE])
    assert rrule not in made.json()["errors"][0]["message"] or not rrule

    todo = await ada.make_todo(due=DAY)
    assert problem(await send(ada, todo, recurrence=recurrence(rrule))) == problem(made)
    assert await read(ada, todo) == todo


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"rrule": WEEKLY},
        {"repeat_from": "due"},
        {**recurrence(), "repeat_from": "start"},
        {**recurrence(), "exdate": "20261130"},
        {"rrule": None, "repeat_from": "due"},
        WEEKLY,
    ],
)
async def test_half_a_recurrence_is_refused(ada: Person, value: object) -> None:
    fields = {"title": "Water", "due": DAY, "recurrence": value}
    response = await ada.client.post("/v1/todos", json=fields)
    assert problem(response)[:2] == (422, "validation_failed")
    assert all(pointer.startswith("/recurrence") for pointer in problem(response)[2])


@pytest.mark.parametrize("rrule", ["FREQ=HOURLY", "FREQ=DAILY;BYHOUR=9", "FREQ=DAILY;BYMINUTE=0"])
async def test_all_day_is_too_coarse_for_times(ada: Person, rrule: str) -> None:
    assert problem(await _create(ada, DAY, rrule)) == (422, "rrule_too_fine", [RULE])
    todo = await make(ada, FLOATING, rrule)
    assert problem(await send(ada, todo, due=DAY)) == (422, "rrule_too_fine", [RULE])
    assert await read(ada, todo) == todo


@pytest.mark.parametrize(
    ("due", "rrule"),
    [
        (DAY, "FREQ=WEEKLY;COUNT=1"),
        (DAY, "FREQ=WEEKLY;UNTIL=20261206"),
        (DAY, "FREQ=WEEKLY;UNTIL=20200101"),
        (ZONED, "FREQ=WEEKLY;UNTIL=20261207T075959Z"),
        (DAY, "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"),
        (FLOATING, "FREQ=HOURLY;INTERVAL=24;BYHOUR=8"),
        (day("9999-06-01"), WEEKLY),
    ],
)
async def test_a_rule_that_ends_at_once_is_refused(ada: Person, due: Json, rrule: str) -> None:
    assert problem(await _create(ada, due, rrule)) == (422, "rrule_ends", [RULE])


@pytest.mark.parametrize(
    ("due", "until", "fits"),
    [
        (DAY, "20270101", True),
        (DAY, "20270101T090000", False),
        (DAY, "20270101T090000Z", False),
        (FLOATING, "20270101", True),
        (FLOATING, "20270101T090000", True),
        (FLOATING, "20270101T090000Z", False),
        (ZONED, "20270101", True),
        (ZONED, "20270101T090000", False),
        (ZONED, "20270101T090000Z", True),
    ],
)
async def test_until_is_of_the_kind_of_the_due(
    ada: Person, due: Json, until: str, fits: bool
) -> None:
    response = await _create(ada, due, f"FREQ=WEEKLY;UNTIL={until}")
    if fits:
        assert response.status_code == 201
    else:
        assert problem(response) == (422, "rrule_invalid", [RULE])


async def test_until_is_looked_at_again_where_the_due_becomes_of_another_kind(ada: Person) -> None:
    todo = await make(ada, FLOATING, "FREQ=WEEKLY;UNTIL=20270101T090000")

    for due in (ZONED, DAY):
        assert problem(await send(ada, todo, due=due)) == (422, "rrule_invalid", [RULE])
    assert await read(ada, todo) == todo
    both = await patched(ada, todo, due=ZONED, recurrence=recurrence("FREQ=WEEKLY;UNTIL=20270101"))
    assert both["due"] == ZONED


async def test_what_repeats_needs_a_due(ada: Person) -> None:
    needed = (422, "recurrence_needs_due", ["/due"])
    assert problem(await _create(ada, None)) == needed
    plain, todo = await ada.make_todo(), await make(ada, DAY)

    assert problem(await send(ada, plain, recurrence=recurrence())) == needed
    assert problem(await send(ada, todo, due=None, title="Lost")) == needed
    assert await read(ada, todo) == todo
    both = await patched(ada, todo, due=None, recurrence=None)
    assert (both["due"], both["recurrence"]) == (None, None)
    again = await patched(ada, todo, due=DAY, recurrence=recurrence())
    assert (again["due"], again["recurrence"]) == (DAY, recurrence())


async def test_the_first_year_is_before_all_series(ada: Person) -> None:
    early = day("0001-06-01")
    assert problem(await _create(ada, early)) == (422, "validation_failed", ["/due"])
    todo = await make(ada, day("0002-01-01"))
    assert problem(await send(ada, todo, due=early)) == (422, "validation_failed", ["/due"])
    assert (await tick(ada, todo))["due"] == day("0002-01-08")


async def test_a_due_alone_moves_this_occurrence_only(ada: Person) -> None:
    todo = await make(ada, FLOATING, "FREQ=WEEKLY;COUNT=3")

    await patched(ada, todo, due=at("2026-12-02T15:30:00"))

    assert await occurrences(ada, todo) == [
        at("2026-12-02T15:30:00"),
        at("2026-12-07T09:00:00"),
        at("2026-12-14T09:00:00"),
    ]


async def test_what_is_sent_as_it_stands_begins_no_series_anew(ada: Person) -> None:
    todo = await make(ada, day("2026-01-31"), "FREQ=MONTHLY;INTERVAL=2;COUNT=3")
    await tick(ada, todo)
    shown = await patched(ada, todo, due=day("2026-04-01"))

    same = await patched(ada, todo, recurrence=recurrence("freq=monthly;interval=2;count=3"))
    moved = await patched(ada, todo, recurrence=shown["recurrence"], due=day("2026-04-02"))

    assert same == shown
    assert moved["version"] == shown["version"] + 1
    assert await occurrences(ada, todo) == [day("2026-04-02"), day("2026-05-31")]


async def test_another_rule_begins_its_series_at_the_due(ada: Person) -> None:
    todo = await make(ada, DAY, "FREQ=WEEKLY;COUNT=2")
    await tick(ada, todo)

    await patched(ada, todo, recurrence=recurrence("FREQ=DAILY;INTERVAL=3;COUNT=3"))

    wanted = [day("2026-12-07"), day("2026-12-10"), day("2026-12-13")]
    assert await occurrences(ada, todo) == wanted
    await patched(ada, todo, recurrence=recurrence("FREQ=DAILY;INTERVAL=3;COUNT=3", "completion"))
    assert await occurrences(ada, todo) == wanted


async def test_a_due_of_another_kind_takes_its_series_along(ada: Person) -> None:
    todo = await make(ada, DAY)

    await patched(ada, todo, due=at("2026-12-01T18:00:00"))
    timed = await occurrences(ada, todo, 2)
    await patched(ada, todo, due=day("2026-12-02"))

    assert timed == [at("2026-12-01T18:00:00"), at("2026-12-07T18:00:00")]
    assert await occurrences(ada, todo, 2) == [day("2026-12-02"), day("2026-12-07")]


async def test_a_31st_comes_back_and_so_does_a_leap_day(ada: Person) -> None:
    long = await make(ada, day("2027-01-31"), "FREQ=MONTHLY")
    leap = await make(ada, day("2028-02-29"), "FREQ=YEARLY")
    end = await make(ada, day("2027-01-31"), "FREQ=MONTHLY;BYMONTHDAY=-1")

    assert [(await tick(ada, long))["due"]["date"] for _ in range(3)] == [
        "2027-03-31",
        "2027-05-31",
        "2027-07-31",
    ]
    assert (await tick(ada, leap))["due"] == day("2032-02-29")
    assert (await tick(ada, end))["due"] == day("2027-02-28")


async def test_wall_clocks_stay_across_daylight_saving(
    ada: Person, database: asyncpg.Connection
) -> None:
    todo = await make(ada, at("2026-10-24T09:00:00", BERLIN), "FREQ=DAILY")
    skipped = await make(ada, at("2027-03-27T02:30:00", BERLIN), "FREQ=DAILY")
    instants = []
    for each in (todo, skipped, skipped):
        after = await tick(ada, each)
        row = await database.fetchrow(
            "SELECT due_at, due_rules FROM todos WHERE id = $1", UUID(each["id"])
        )
        assert row is not None
        assert row["due_rules"] > 0
        instants.append((after["due"]["datetime"], f"{row['due_at']:%H:%M}"))

    assert instants == [
        ("2026-10-25T09:00:00", "08:00"),
        # 02:30 is skipped: it counts by the offset before.
        ("2027-03-28T02:30:00", "01:30"),
        ("2027-03-29T02:30:00", "00:30"),
    ]
    assert (await complete(ada, todo, at("2026-10-25T09:00:00", "Europe/Paris"))).status_code == 409


async def test_only_another_version_can_have_cleared_the_due(
    ada: Person, database: asyncpg.Connection
) -> None:
    """One that knows of no rules: it is then as if there were none."""
    todo = await make(ada, DAY)
    await database.execute(
        "UPDATE todos SET due_local = NULL, due_all_day = false WHERE id = $1", UUID(todo["id"])
    )
    await ada.invalidate()

    assert (await read(ada, todo))["recurrence"] is None
    assert (await complete(ada, todo)).json()["code"] == "not_repeating"
    assert (await tick(ada, todo))["completed"]
    assert (await patched(ada, todo, due=DAY))["recurrence"] is None


async def test_one_that_is_made_completed_has_ended(ada: Person) -> None:
    todo = await make(ada, DAY, completed=True, id=str(new_id()))

    assert (todo["completed"], todo["due"]) == (True, DAY)
    assert (await complete(ada, todo)).json()["code"] == "not_repeating"
    opened = await patched(ada, todo, completed=False)
    assert (opened["completed"], opened["due"]) == (False, DAY)


async def test_occurrences_of_a_rare_rule_are_found_soon(ada: Person) -> None:
    todo = await make(ada, FLOATING, "FREQ=HOURLY;BYMONTH=1;BYMONTHDAY=1;BYHOUR=0")

    begun = time.thread_time()
    found = await occurrences(ada, todo, 100)

    assert time.thread_time() - begun < 0.3
    assert found[-1] == at("2125-01-01T00:00:00")
