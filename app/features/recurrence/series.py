"""The occurrences of a rule: wall clocks, in order, searched for no further than a bound.

A period is what `FREQ` names: a year, a month, a week, a day or an hour. In each one that
`INTERVAL` leaves, days are chosen, then the times of each day; `BYSETPOS` then chooses among them
by number. What a rule does not say comes from its start (RFC 5545, section 3.3.10). Why it is not
python-dateutil that does this: `docs/decisions/recurrence.md`.
"""

from calendar import isleap, monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, time, timedelta

from app.core.timezones import instant_of
from app.features.recurrence.rule import Frequency, Rule

# How far after a place the next occurrence is looked for.
MAX_PERIODS = 10_000
MAX_YEARS = 100

_MOST_DAYS = {
    Frequency.YEARLY: 366,
    Frequency.MONTHLY: 31,
    Frequency.WEEKLY: 7,
    Frequency.DAILY: 1,
    Frequency.HOURLY: 1,
}
# There are no more shapes of months (12 by 7 by at most 2 lengths) and of years.
_MOST_SHAPES = 400
_DAYS_BEFORE = [
    [date(year, month, 1).toordinal() - date(year, 1, 1).toordinal() for month in range(1, 13)]
    for year in (2001, 2004)
]


@dataclass(frozen=True, slots=True)
class Series:
    """A rule and its start, which is its first occurrence, in the rule or not.

    The start is in the year 2 or later: weeks that begin before the year 1 are no dates.
    """

    rule: Rule
    start: datetime
    # Of the due, for an UNTIL in UTC; None for one that is floating or all day.
    timezone: str | None = None

    def after(self, place: datetime) -> Iterator[datetime]:
        """The occurrences after a wall clock. `COUNT` is the caller's to apply.

        It ends where the rule does, and where `MAX_PERIODS` periods in a row, or `MAX_YEARS`, have
        none.
        """
        if place < self.start:
            if self._is_over(self.start):
                return
            yield self.start
            place = self.start
        for occurrence in _search(_Expansion(self.rule, self.start), place):
            if self._is_over(occurrence):
                return
            yield occurrence

    def _is_over(self, occurrence: datetime) -> bool:
        until = self.rule.until
        if until is None:
            return False
        if not isinstance(until, datetime):
            return occurrence.date() > until
        if until.tzinfo is None or self.timezone is None:
            return occurrence > until.replace(tzinfo=None)
        return instant_of(occurrence, self.timezone) > until


def _search(expansion: "_Expansion", place: datetime) -> Iterator[datetime]:
    step = expansion.rule.interval
    number = max(0, (expansion.number_of(place) - expansion.first) // step * step)
    last = expansion.number_of(_latest(place))
    empty = 0
    while empty < MAX_PERIODS and expansion.first + number <= last:
        if expansion.skips and (skipped := expansion.empty_from(expansion.first + number)):
            empty += skipped
            number += skipped * step
            continue
        empty += 1
        for occurrence in expansion.occurrences(expansion.first + number, place):
            if occurrence > place:
                empty = 0
                last = expansion.number_of(_latest(occurrence))
                yield occurrence
        number += step


def _latest(place: datetime) -> datetime:
    """Until when the next occurrence after a place is looked for.

    Not in the last year that there is: its last week ends in none.
    """
    return datetime(min(place.year + MAX_YEARS, MAXYEAR - 1), 12, 31, 23)  # noqa: DTZ001 - a clock


class _Expansion:
    """A rule with what its start adds, and its periods, which are numbered.

    A day is its proleptic ordinal.
    """

    def __init__(self, rule: Rule, start: datetime) -> None:
        self.rule = rule
        frequency = rule.frequency
        says_days = rule.year_days or rule.month_days or rule.weekdays
        self._months = rule.months
        self._month_days = rule.month_days
        self._weekdays = rule.weekdays
        if not says_days and (frequency is Frequency.WEEKLY or rule.week_numbers):
            self._weekdays = ((0, start.weekday()),)
        elif not says_days and frequency >= Frequency.MONTHLY:
            self._month_days = (start.day,)
            if frequency is Frequency.YEARLY and not rule.months:
                self._months = (start.month,)
        hours = rule.hours or (start.hour,)
        minutes = rule.minutes or (start.minute,)
        self._minutes = [time(0, minute, start.second) for minute in minutes]
        self._times = [one.replace(hour=hour) for hour in hours for one in self._minutes]
        self._tests = tuple(self._day_tests())
        times = minutes if frequency is Frequency.HOURLY else self._times
        most = _MOST_DAYS[frequency] * len(times)
        # No period has that many.
        self._is_empty = all(abs(position) > most for position in rule.set_positions or (0,))
        # There may be long stretches without a chosen day.
        self.skips = self._is_empty or (frequency <= Frequency.DAILY and bool(self._tests))
        # The chosen days of a period, counted from its first; by the period's shape, since the same
        # shapes come again and again.
        self._chosen: dict[tuple[int, ...], list[int]] = {}
        self.first = self.number_of(start)

    def number_of(self, moment: datetime) -> int:
        """The number of the period in which a wall clock is."""
        match self.rule.frequency:
            case Frequency.YEARLY:
                return moment.year
            case Frequency.MONTHLY:
                return moment.year * 12 + moment.month - 1
            case Frequency.WEEKLY:
                return (moment.toordinal() - 1 - self.rule.week_start) // 7
            case Frequency.DAILY:
                return moment.toordinal()
            case Frequency.HOURLY:
                return moment.toordinal() * 24 + moment.hour

    def first_day(self, number: int) -> int:
        """The first day of a period."""
        match self.rule.frequency:
            case Frequency.YEARLY:
                return _new_year(number)
            case Frequency.MONTHLY:
                return _new_year(number // 12) + _DAYS_BEFORE[isleap(number // 12)][number % 12]
            case Frequency.WEEKLY:
                return number * 7 + 1 + self.rule.week_start
            case Frequency.DAILY:
                return number
            case Frequency.HOURLY:
                return number // 24

    def empty_from(self, number: int) -> int:
        """How many periods from this one on are easily seen to be empty."""
        if self._is_empty:
            return MAX_PERIODS
        step, hours = self.rule.interval, 24 if self.rule.frequency is Frequency.HOURLY else 1
        day = date.fromordinal(number // hours)
        if self._months and day.month not in self._months:
            left = _size_of_month(day) - day.day + 1
        elif hours > 1 and not self._days(number, number // hours):
            left = 1
        else:
            return 0
        end = (number // hours + left) * hours
        return -((number - end) // step)

    def occurrences(self, number: int, place: datetime) -> Iterator[datetime]:
        """The occurrences of a period, in order; days before the place may be left out."""
        begin = self.first_day(number)
        times = self._times
        if self.rule.frequency is Frequency.HOURLY:
            hour = number % 24
            if self.rule.hours and hour not in self.rule.hours:
                return
            times = [one.replace(hour=hour) for one in self._minutes]
        days = self._days(number, begin)
        if not self.rule.set_positions:
            first = place.toordinal() - begin
            for day in days:
                for one in times if day >= first else ():
                    yield datetime.combine(date.fromordinal(begin + day), one)
            return
        size = len(days) * len(times)
        wanted = {n - 1 if n > 0 else size + n for n in self.rule.set_positions if abs(n) <= size}
        for index in sorted(wanted):
            day, one_of_day = divmod(index, len(times))
            yield datetime.combine(date.fromordinal(begin + days[day]), times[one_of_day])

    def _days(self, number: int, begin: int) -> list[int]:
        """The chosen days of a period, counted from its begin."""
        key: tuple[int, ...]
        match self.rule.frequency:
            case Frequency.YEARLY:
                # The first and the last days may be in weeks of the years beside it.
                key = begin % 7, isleap(number), isleap(number - 1), isleap(number + 1)
                size = 366 if isleap(number) else 365
            case Frequency.MONTHLY:
                size = monthrange(number // 12, number % 12 + 1)[1]
                key = number % 12, size, begin % 7
            case Frequency.WEEKLY if not self._months:
                key, size = (), 7
            case Frequency.WEEKLY:
                key, size = (begin,), 7
            case _:
                key, size = (begin,), 1
        days = self._chosen.get(key)
        if days is None:
            if len(self._chosen) > _MOST_SHAPES:
                self._chosen.clear()
            days = self._chosen[key] = [day for day in range(size) if self._is_chosen(begin + day)]
        return days

    def _is_chosen(self, day: int) -> bool:
        date_ = date.fromordinal(day)
        return all(test(date_) for test in self._tests)

    def _day_tests(self) -> Iterator[Callable[[date], bool]]:
        """What a day of a period must be, the easiest to tell first."""
        if self._weekdays:
            weekdays = {weekday for _, weekday in self._weekdays}
            yield lambda day: day.weekday() in weekdays
        if self._months:
            yield lambda day: day.month in self._months
        if self._month_days:
            month_days = frozenset(self._month_days)
            yield lambda day: _is_among(month_days, day.day, _size_of_month(day))
        if self.rule.year_days:
            year_days = frozenset(self.rule.year_days)
            yield lambda day: _is_among(year_days, _day_of_year(day), _size_of_year(day))
        if self.rule.week_numbers:
            weeks = frozenset(self.rule.week_numbers)
            yield lambda day: _is_among(weeks, *_week_number(day, self.rule.week_start))
        if any(ordinal for ordinal, _ in self._weekdays):
            yield self._is_numbered_weekday

    def _is_numbered_weekday(self, day: date) -> bool:
        if self.rule.frequency is Frequency.YEARLY and not self._months:
            place, size = _day_of_year(day), _size_of_year(day)
        else:
            place, size = day.day, _size_of_month(day)
        forwards, backwards = (place - 1) // 7 + 1, -((size - place) // 7 + 1)
        return any(
            weekday == day.weekday() and ordinal in (0, forwards, backwards)
            for ordinal, weekday in self._weekdays
        )


def _is_among(wanted: frozenset[int], place: int, size: int) -> bool:
    """Whether a place among so many is wanted, counted from the first or, below 0, the last."""
    return place in wanted or place - size - 1 in wanted


def _new_year(year: int) -> int:
    return date(year, 1, 1).toordinal()


def _size_of_month(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def _size_of_year(day: date) -> int:
    return 366 if isleap(day.year) else 365


def _day_of_year(day: date) -> int:
    return day.toordinal() - _new_year(day.year) + 1


def _week_number(day: date, week_start: int) -> tuple[int, int]:
    """The number of a day's week in its year, and how many weeks that year has.

    The first week of a year is the first that has four days of it, as in ISO 8601.
    """
    # Of which year a week is, its fourth day tells.
    middle = day + timedelta(3 - (day.weekday() - week_start) % 7)
    number = (_day_of_year(middle) - 1) // 7 + 1
    return number, number + (_size_of_year(middle) - _day_of_year(middle)) // 7
