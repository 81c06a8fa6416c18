"""Which wall clocks of a zone come before an instant."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.timezones import instant_of
from app.features.due.wall_clocks import clocks_before
from tests.core import wall_clocks

_local = datetime.fromisoformat
_SECOND = timedelta(seconds=1)


def test_a_name_that_only_others_know_is_utc() -> None:
    assert clocks_before(_local("2026-11-22T09:00:00Z"), "Mars/Olympus") == [
        (None, _local("2026-11-22T09:00:00"))
    ]


_ZONES = st.sampled_from(wall_clocks.NAMES) | st.sampled_from(wall_clocks.ODD_NAMES)


@st.composite
def moments(draw: st.DrawFn) -> tuple[datetime, str]:
    """An instant, mostly near one at which the clocks of the zone are changed."""
    name, year = draw(_ZONES), draw(st.integers(1900, 2100))
    near = draw(
        st.sampled_from(wall_clocks.changes(name, year) or [datetime(year, 7, 1, tzinfo=UTC)])
    )
    away = draw(st.integers(-1, 1) | st.integers(-100_000, 100_000))
    return near + away * _SECOND + timedelta(
        milliseconds=draw(st.sampled_from([0, 0, 1, 999]))
    ), name


def _is_before(clock: datetime, ranges: list[tuple[datetime | None, datetime]]) -> bool:
    return any((start is None or start <= clock) and clock < end for start, end in ranges)


@given(moment=moments(), data=st.data())
def test_the_clocks_before_an_instant_are_those_whose_instant_is(
    moment: tuple[datetime, str], data: st.DataObject
) -> None:
    instant, name = moment
    ranges = clocks_before(instant, name)

    shown = wall_clocks.shown(instant, name).replace(microsecond=0)
    ends = [end for bounds in ranges for end in bounds if end is not None]
    near = [
        end.replace(microsecond=0) + step * _SECOND for end in (*ends, shown) for step in (-1, 0, 1)
    ]
    minutes = [shown + timedelta(minutes=30 * half) for half in range(-60, 61)]
    any_second = shown + data.draw(st.integers(-100_000, 100_000)) * _SECOND
    for clock in [*near, *minutes, any_second]:
        assert instant_of(clock, name) == wall_clocks.instant_of(clock, name)
        assert _is_before(clock, ranges) == (wall_clocks.instant_of(clock, name) < instant), clock


def test_a_skipped_hour_leaves_a_hole() -> None:
    # 02:30 counts as 03:30, and so comes after 03:00.
    assert clocks_before(_local("2027-03-28T01:15:00Z"), "Europe/Berlin") == [
        (None, _local("2027-03-28T02:15:00")),
        (_local("2027-03-28T03:00:00"), _local("2027-03-28T03:15:00")),
    ]


@pytest.mark.parametrize("name", ["UTC", "Pacific/Kiritimati", "America/New_York", "Asia/Tokyo"])
def test_the_first_and_the_last_moments_have_clocks_before_them(name: str) -> None:
    first, last = _local("0001-01-01T00:00:00"), _local("9999-12-31T23:59:59")
    assert not _is_before(first + timedelta(days=1), clocks_before(first.replace(tzinfo=UTC), name))
    assert _is_before(last - timedelta(days=1), clocks_before(last.replace(tzinfo=UTC), name))


def test_no_clocks_are_changed_twice_within_two_days() -> None:
    """`clocks_before` looks for one change."""
    for name in wall_clocks.NAMES:
        times = _transitions(name)
        assert all(later - sooner > 2 * 86400 for sooner, later in pairwise(times)), name


def _transitions(name: str) -> list[int]:
    """Those that a TZif file lists (RFC 8536, section 3.2), in seconds since 1970."""
    data = wall_clocks.file_of(name)
    # The second block, behind the first one's header and data, has 64 bits a time.
    utcs, walls, leaps, times, types, characters = (
        int.from_bytes(data[at : at + 4], "big") for at in range(20, 44, 4)
    )
    second = 44 + 5 * times + 6 * types + characters + 8 * leaps + walls + utcs
    number = int.from_bytes(data[second + 32 : second + 36], "big")
    return [
        int.from_bytes(data[at : at + 8], "big", signed=True)
        for at in range(second + 44, second + 44 + 8 * number, 8)
    ]
