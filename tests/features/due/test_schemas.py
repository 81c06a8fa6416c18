"""`due`: all day, floating, or in a zone; it comes back as written, and zones tell the instant."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
from httpx import Response
from hypothesis import example, given
from hypothesis import strategies as st

from app.features.due.schemas import DueDateTime
from tests.core import wall_clocks
from tests.core.wall_clocks import instant_of
from tests.people import Json, Person

_ZONES = st.sampled_from(wall_clocks.NAMES) | st.sampled_from(wall_clocks.ODD_NAMES)
# The years for which zones have changes, and the first and last that a date may have.
_local = datetime.fromisoformat
_LOCALS = st.datetimes(_local("1900-01-02"), _local("2100-01-01")) | st.datetimes(
    _local("0001-01-03"), _local("9999-12-29")
)


def _zoned(local: str, timezone: str | None) -> Json:
    return {"datetime": local, "timezone": timezone}


@given(due=_LOCALS.map(lambda local: {"date": local.date().isoformat()}))
@example(due={"date": "0001-01-01"})
@example(due={"date": "9999-12-31"})
@example(due={"date": "2028-02-29"})
async def test_a_day_comes_back_as_it_was_written(ada: Person, due: Json) -> None:
    todo = await ada.make_todo(due=due)

    assert todo["due"] == due
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json()["due"] == due


@given(local=_LOCALS, timezone=st.none() | _ZONES)
@example(local=_local("0001-01-01"), timezone=None)
@example(local=_local("0001-01-01"), timezone="UTC")
@example(local=_local("9999-12-31T23:59:59"), timezone=None)
async def test_a_time_comes_back_as_it_was_written(
    ada: Person, local: datetime, timezone: str | None
) -> None:
    due = _zoned(local.replace(microsecond=0).isoformat(), timezone)

    todo = await ada.make_todo(due=due)

    assert todo["due"] == due
    assert list(todo["due"]) == ["datetime", "timezone"]
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json()["due"] == due


@given(local=_LOCALS, timezone=_ZONES)
def test_a_zone_tells_the_instant(local: datetime, timezone: str) -> None:
    local = local.replace(microsecond=0)
    due = DueDateTime.model_validate(_zoned(local.isoformat(), timezone))

    assert due.instant() == instant_of(local, timezone)


_INSTANTS = [
    ("2026-07-01T09:00:00", "UTC", "2026-07-01T09:00:00"),
    ("2026-07-01T09:00:00", "Europe/Berlin", "2026-07-01T07:00:00"),
    ("2026-12-01T09:00:00", "Europe/Berlin", "2026-12-01T08:00:00"),
    ("2026-12-01T09:00:00", "Asia/Kathmandu", "2026-12-01T03:15:00"),
    # Skipped by the clocks: as if they had not been changed yet.
    ("2026-03-29T02:30:00", "Europe/Berlin", "2026-03-29T01:30:00"),
    ("2026-03-08T02:30:00", "America/New_York", "2026-03-08T07:30:00"),
    ("2026-10-04T02:15:00", "Australia/Lord_Howe", "2026-10-03T15:45:00"),
    ("2011-12-30T12:00:00", "Pacific/Apia", "2011-12-30T22:00:00"),
    # Shown twice: the first time.
    ("2026-10-25T02:30:00", "Europe/Berlin", "2026-10-25T00:30:00"),
    ("2026-11-01T01:30:00", "America/New_York", "2026-11-01T05:30:00"),
    ("2026-04-05T01:45:00", "Australia/Lord_Howe", "2026-04-04T14:45:00"),
]


async def test_the_database_holds_the_wall_clock_the_zone_and_the_instant(
    ada: Person, database: asyncpg.Connection
) -> None:
    for local, timezone, instant in _INSTANTS:
        todo = await ada.make_todo(due=_zoned(local, timezone))
        at = _local(instant).replace(tzinfo=UTC)
        assert at == instant_of(_local(local), timezone)
        assert await _columns(database, todo) == (_local(local), timezone, False, at)


async def test_a_day_and_a_floating_time_have_no_instant(
    ada: Person, database: asyncpg.Connection
) -> None:
    day = await ada.make_todo(due={"date": "2026-11-30"})
    midnight = await ada.make_todo(due=_zoned("2026-11-30T00:00:00", None))

    assert await _columns(database, day) == (_local("2026-11-30"), None, True, None)
    assert await _columns(database, midnight) == (_local("2026-11-30"), None, False, None)


async def test_a_patch_replaces_one_form_by_another_whole(
    ada: Person, database: asyncpg.Connection
) -> None:
    forms: list[Json | None] = [
        {"date": "2026-11-30"},
        _zoned("2026-11-30T09:00:00", "Europe/Berlin"),
        _zoned("2026-11-30T09:00:00", None),
        None,
    ]
    todo = await ada.make_todo()
    for due in [*forms, *forms[::-1], forms[1], None, forms[0]]:
        response = await ada.client.patch(f"/v1/todos/{todo['id']}", json={"due": due})
        assert response.json()["due"] == due
        assert await _columns(database, todo) == await _columns(
            database, await ada.make_todo(due=due)
        )


_AT = "2026-11-30T09:00:00"
WRONG: list[tuple[Any, tuple[str, str]]] = [
    ("2026-11-30", ("/due", "invalid_due")),
    (20261130, ("/due", "invalid_due")),
    ([], ("/due", "invalid_due")),
    ({}, ("/due/datetime", "required")),
    ({"timezone": None}, ("/due/datetime", "required")),
    ({"datetime": _AT}, ("/due/timezone", "required")),
    ({"date": None}, ("/due/date", "invalid_date")),
    ({"date": 20261130}, ("/due/date", "invalid_date")),
    ({"date": "2026-02-29"}, ("/due/date", "invalid_date")),
    ({"date": "2026-13-01"}, ("/due/date", "invalid_date")),
    ({"date": "0000-01-01"}, ("/due/date", "invalid_date")),
    ({"date": "20261130"}, ("/due/date", "invalid_date")),
    ({"date": "2026-W48-1"}, ("/due/date", "invalid_date")),
    ({"date": "2026-11-3"}, ("/due/date", "invalid_date")),
    ({"date": "2026-11-30\n"}, ("/due/date", "invalid_date")),
    ({"date": "٢٠٢٦-11-30"}, ("/due/date", "invalid_date")),
    ({"date": _AT}, ("/due/date", "invalid_date")),
    ({"date": "10000-01-01"}, ("/due/date", "invalid_date")),
    (_zoned("2026-11-30", None), ("/due/datetime", "invalid_datetime")),
    (_zoned(_AT + "Z", None), ("/due/datetime", "invalid_datetime")),
    (_zoned(_AT + "+01:00", "Europe/Berlin"), ("/due/datetime", "invalid_datetime")),
    (_zoned(_AT + ".5", None), ("/due/datetime", "invalid_datetime")),
    (_zoned("2026-11-30 09:00:00", None), ("/due/datetime", "invalid_datetime")),
    (_zoned("2026-11-30T09:00", None), ("/due/datetime", "invalid_datetime")),
    (_zoned("2026-11-30T24:00:00", None), ("/due/datetime", "invalid_datetime")),
    (_zoned("2026-11-30T23:59:60", None), ("/due/datetime", "invalid_datetime")),
    ({"datetime": 1796029200, "timezone": None}, ("/due/datetime", "invalid_datetime")),
    ({"datetime": None, "timezone": None}, ("/due/datetime", "invalid_datetime")),
    (_zoned(_AT, "Europe/Nowhere"), ("/due/timezone", "unknown_timezone")),
    (_zoned(_AT, "europe/berlin"), ("/due/timezone", "unknown_timezone")),
    (_zoned(_AT, "+01:00"), ("/due/timezone", "unknown_timezone")),
    (_zoned(_AT, "../../etc/passwd"), ("/due/timezone", "unknown_timezone")),
    (_zoned(_AT, "localtime"), ("/due/timezone", "unknown_timezone")),
    (_zoned(_AT, ""), ("/due/timezone", "unknown_timezone")),
    (_zoned(_AT, "\x00"), ("/due/timezone", "unknown_timezone")),
    ({"datetime": _AT, "timezone": 1}, ("/due/timezone", "wrong_type")),
    (_zoned("0001-01-01T00:00:00", "Asia/Tokyo"), ("/due", "out_of_range")),
    (_zoned("9999-12-31T23:59:59", "America/New_York"), ("/due", "out_of_range")),
    ({"date": "2026-11-30", "datetime": _AT}, ("/due/datetime", "unknown_field")),
    ({"date": "2026-11-30", "timezone": None}, ("/due/timezone", "unknown_field")),
    ({"date": "2026-11-30", "all_day": True}, ("/due/all_day", "unknown_field")),
    ({**_zoned(_AT, None), "offset": 0}, ("/due/offset", "unknown_field")),
]


async def test_whatever_else_is_refused_at_its_very_place(ada: Person) -> None:
    todo = await ada.make_todo(due={"date": "2026-11-30"})
    for due, error in WRONG:
        created = await ada.client.post("/v1/todos", json={"title": "T", "due": due})
        patched = await ada.client.patch(f"/v1/todos/{todo['id']}", json={"due": due})
        assert error in _errors(created), due
        assert _errors(patched) == _errors(created), due

    assert (await ada.get("/v1/todos")).json()["items"] == [todo]


def _errors(response: Response) -> list[tuple[str, str]]:
    assert response.status_code == 422, response.text
    return [(error["pointer"], error["code"]) for error in response.json()["errors"]]


async def _columns(database: asyncpg.Connection, todo: Json) -> tuple[object, ...]:
    row = await database.fetchrow(
        "SELECT due_local, due_timezone, due_all_day, due_at FROM todos WHERE id = $1",
        UUID(todo["id"]),
    )
    assert row is not None
    return tuple(row.values())
