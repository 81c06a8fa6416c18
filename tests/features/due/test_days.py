"""Where a day ends: checked against what clocks show, second by second around it."""

from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.features.due.days import midnight_after
from tests.core import wall_clocks
from tests.features.due.test_wall_clocks import moments

_SECOND = timedelta(seconds=1)


@given(moment=moments(), days=st.integers(0, 90))
def test_a_day_ends_when_clocks_show_the_next_one(moment: tuple[datetime, str], days: int) -> None:
    now, name = moment
    # Before, some clocks went back over midnight, so that a day ended twice.
    assume(now.year >= 2012)
    end = midnight_after(now, name, days)

    day = wall_clocks.shown(now, name).date() + timedelta(days=days)
    assert end.clock == datetime.combine(day + timedelta(days=1), datetime.min.time())
    assert wall_clocks.shown(end.instant - _SECOND, name).date() <= day
    assert wall_clocks.shown(end.instant, name).date() > day
    assert now < end.instant


@pytest.mark.parametrize(
    ("now", "name", "days", "clock", "instant"),
    [
        ("2026-11-22T09:00Z", "UTC", 0, "2026-11-23T00:00", "2026-11-23T00:00Z"),
        ("2026-12-31T23:59:59.999Z", "UTC", 0, "2027-01-01T00:00", "2027-01-01T00:00Z"),
        ("2026-12-31T10:59Z", "Pacific/Auckland", 0, "2027-01-01T00:00", "2026-12-31T11:00Z"),
        ("2026-12-31T11:00Z", "Pacific/Auckland", 0, "2027-01-02T00:00", "2027-01-01T11:00Z"),
        ("2028-02-28T12:00Z", "UTC", 1, "2028-03-01T00:00", "2028-03-01T00:00Z"),
        # Days of 23 and of 25 hours.
        ("2027-03-28T00:00Z", "Europe/Berlin", 0, "2027-03-29T00:00", "2027-03-28T22:00Z"),
        ("2027-10-30T22:00Z", "Europe/Berlin", 0, "2027-11-01T00:00", "2027-10-31T23:00Z"),
        # Its midnight is skipped: the day begins at one.
        ("2027-03-27T12:00Z", "Asia/Beirut", 0, "2027-03-28T00:00", "2027-03-27T22:00Z"),
        # Nobody there had a 30th.
        ("2011-12-30T09:00Z", "Pacific/Apia", 0, "2011-12-30T00:00", "2011-12-30T10:00Z"),
    ],
)
def test_a_day_may_be_short_or_long(
    now: str, name: str, days: int, clock: str, instant: str
) -> None:
    end = midnight_after(datetime.fromisoformat(now), name, days)
    assert end.clock == datetime.fromisoformat(clock)
    assert end.instant == datetime.fromisoformat(instant)
