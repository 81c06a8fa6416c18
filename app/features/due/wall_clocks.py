"""Which wall clocks of a zone come before an instant."""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta

from app.core.timezones import zone

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def clocks_before(instant: datetime, name: str) -> list[tuple[datetime | None, datetime]]:
    """The wall clocks of a zone whose instant (`timezones.instant_of`) is before this one.

    They are ranges, each from its start, if it has one, up to its end: two where clocks skip an
    hour, since 02:30 counts as 03:30 and so comes after 03:00.
    """
    middle = instant.astimezone(UTC).replace(tzinfo=None)
    # No clock is a day away from UTC, and none is changed twice within two days.
    first = plus(middle, -_DAY).replace(microsecond=0)
    last = plus(middle, _DAY)
    before, after = (_offset(clock, name) for clock in (first, last))
    if before == after:
        return [(None, plus(middle, before))]
    seconds = range((last - first) // _SECOND)
    unchanged = bisect_left(
        seconds, True, key=lambda second: _offset(first + second * _SECOND, name) != before
    )
    # The first clock that counts as after the change.
    change = first + unchanged * _SECOND
    ranges: list[tuple[datetime | None, datetime]] = [(None, min(change, plus(middle, before)))]
    if change < plus(middle, after):
        ranges.append((change, plus(middle, after)))
    return ranges


def plus(clock: datetime, time: timedelta) -> datetime:
    """A clock so much later, within the range of `datetime`."""
    try:
        return clock + time
    except OverflowError:
        return datetime.min if time < timedelta() else datetime.max  # noqa: DTZ901 - clocks


def _offset(clock: datetime, name: str) -> timedelta:
    return clock.replace(tzinfo=zone(name)).utcoffset() or timedelta()
