"""When a todo is due first, of all that was said of its day, its time and its repetition."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from app.core.timezones import instant_of
from app.features.quick.repeats import Repeat
from app.features.recurrence import rule as rules
from app.features.recurrence.series import Series

_DAY = timedelta(days=1)


def due_once(day: date | None, at: time | None, now: datetime) -> date | None:
    """A day, or a time on the wall clock: on that day, else the next time that clocks show it.

    `now` is in somebody's time zone.
    """
    if at is None:
        return day
    if day is None:
        today = now.date()
        day = today if _is_to_come(datetime.combine(today, at), now) else today + _DAY
    return datetime.combine(day, at)


def due_repeatedly(
    repeat: Repeat, day: date | None, at: time | None, now: datetime, timezone: str
) -> tuple[date, str] | None:
    """The first due and the rule; None where no other follows, or the first would be over."""
    start = repeat.starts or day
    at = repeat.at or at
    clock = now.replace(tzinfo=None)
    if repeat.frequency == "HOURLY" and at is None:
        if start is not None:
            return None
        soon = clock.replace(second=0, microsecond=0) + timedelta(hours=repeat.interval)
        start, at = soon.date(), soon.time()
    try:
        rrule = repeat.rule(_until(repeat.until, at, timezone))
        rule = rules.parse(rrule)
        first = _first(rule, start, at, clock, has_days=bool(repeat.by))
        if first is None or not _goes_on(rule, first, timezone):
            return None
        if day is not None and repeat.by and first.date() != day:
            # Tomorrow every friday, where that is none.
            return None
        if start is None and at is not None and not _is_to_come(first, now):
            return None
    except (OverflowError, ValueError, rules.RuleInvalid):
        return None
    return (first if at is not None else first.date()), rrule


def _is_to_come(clock: datetime, now: datetime) -> bool:
    """Whether clocks still show it; what they show twice is meant as the first time (RFC 5545)."""
    is_later = clock > now.replace(tzinfo=None)
    return is_later and clock.replace(tzinfo=now.tzinfo).astimezone(UTC) > now


def _first(
    rule: rules.Rule, start: date | None, at: time | None, now: datetime, *, has_days: bool
) -> datetime | None:
    """The first occurrence on that day or later; without one, of those that are still to come."""
    begin = datetime.combine(start or now.date(), at or time.min)
    may_have_passed = start is None and at is not None
    if not has_days:
        if not may_have_passed or begin > now:
            return begin
        return next(Series(replace(rule, until=None), begin).after(now), None)
    # The others are counted from the first such day. A rule by the year has its month, and so it is
    # found faster by the month.
    frequency = min(rule.frequency, rules.Frequency.MONTHLY)
    plain = replace(rule, frequency=frequency, interval=1, count=None, until=None)
    place = now if may_have_passed else begin - timedelta(seconds=1)
    return next(Series(plain, begin - _DAY).after(place), None)


def _goes_on(rule: rules.Rule, first: datetime, timezone: str) -> bool:
    """Whether another occurrence follows: one does, where there is no end and no gap."""
    if rule.interval == 1 and rule.until is None:
        return True
    return next(Series(rule, first, timezone).after(first), None) is not None


def _until(last: date | None, at: time | None, timezone: str) -> str | None:
    """The value of `UNTIL`: a day, or for a due with a time the instant at which that day ends."""
    if last is None:
        return None
    if at is None:
        return f"{last:%Y%m%d}"
    end = instant_of(datetime.combine(last, time(23, 59, 59)), timezone)
    return f"{end.astimezone(UTC):%Y%m%dT%H%M%SZ}"
