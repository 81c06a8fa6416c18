"""The words that say a day."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import Enum

from app.features.quick.vocabulary import (
    MONTHS,
    NUMBERS,
    PARTS_OF_DAY,
    UNITS,
    WEEKDAYS,
    days_of_month,
    later,
    number,
    ordinal,
    unit,
)
from app.features.quick.words import Cursor, listed

_YEAR_FIRST = re.compile("((?:19|20)[0-9]{2})([-/])([0-9]{1,2})[-/]([0-9]{1,2})")
_YEAR_LAST = re.compile("([0-9]{1,2})([-/.])([0-9]{1,2})[-/.]((?:19|20)[0-9]{2})")
_NO_YEAR = re.compile("([0-9]{1,2})/([0-9]{1,2})")
_YEAR = re.compile("(?:19|20)[0-9]{2}")
_OFFSET = re.compile("([0-9]{1,3})(d|day|days|w|wk|weeks|h|hr|hrs|min|mins)")
_SHORT = {"d": "day", "w": "week", "h": "hour"}
AFTER_NUMBERS = listed("of").union(MONTHS, UNITS)
# As words they also are other things.
_FAINT_WEEKDAYS = frozenset({"sat", "sun", "wed"})
_SOON = {"today": 0, "tonight": 0, "tomorrow": 1, "tmr": 1, "tmrw": 1}
# With these, and with digits, a day begins.
FIRST_OF_DAYS = listed("in a an this next mid end the day").union(_SOON, WEEKDAYS, MONTHS, NUMBERS)


class Needs(Enum):
    """What else has to speak for a day."""

    NOTHING = 0
    # That it ends a clause, or has `on` before it, or a time beside it.
    END = 1
    # That it ends a clause, and has `on` before it or a time beside it.
    END_AND_HINT = 2


@dataclass(frozen=True, slots=True)
class Day:
    """A day, with the time if that was said too (in 2 hours), or the hours of it (tonight)."""

    day: date
    needs: Needs = Needs.END
    clock: time | None = None
    hours: range | None = None


class Days:
    """Reads days, as somebody means them now, which is in their time zone."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._today = now.date()
        self._readers: dict[str, tuple[Callable[[Cursor], Day | None], ...]] = {
            **dict.fromkeys(_SOON, (self._soon,)),
            **dict.fromkeys(WEEKDAYS, (self._weekday,)),
            **dict.fromkeys(MONTHS, (self._month_first,)),
            **dict.fromkeys(("in", "a", "an", *NUMBERS), (self._offset,)),
            **dict.fromkeys(("this", "next"), (self._this_or_next,)),
            **dict.fromkeys(("mid", "end"), (self._of_month,)),
            **dict.fromkeys(("the", "day"), (self._after_tomorrow, self._nth)),
        }

    def read(self, words: Cursor) -> Day | None:
        """A day; None for what has two readings, such as 9/11."""
        key = words.key
        if not key[:1].isdigit():
            return words.first(*self._readers.get(key, ()))
        if key.isdigit():
            is_first = words.following in AFTER_NUMBERS
            return words.first(self._day_first, self._offset) if is_first else None
        return words.first(
            *((self._digits,) if key[-1].isdigit() else (self._day_first, self._nth))
        )

    def _soon(self, words: Cursor) -> Day | None:
        place = words.place
        key = words.key
        days = words.lookup(_SOON)
        if days is None:
            return None
        # Capitalised it may be part of a name, such as Tomorrow Never Dies.
        following = words.words[place + 1 : place + 2]
        is_name = words.words[place].is_capitalised and (
            place > 0 or any(word.is_capitalised for word in following)
        )
        needs = Needs.END if is_name else Needs.NOTHING
        hours = PARTS_OF_DAY["night"].hours if key == "tonight" else None
        return Day(self._today + timedelta(days), needs, hours=hours)

    def _after_tomorrow(self, words: Cursor) -> Day | None:
        words.take_small("the")
        if words.take_small("day") and words.take_small("after") and words.take_small("tomorrow"):
            return Day(self._today + timedelta(2), Needs.NOTHING)
        return None

    def _this_or_next(self, words: Cursor) -> Day | None:
        which = words.take_small("this", "next")
        if not which:
            return None
        is_next = which == "next"
        monday = self._today + timedelta((7 if is_next else 0) - self._today.weekday())
        weekday = words.lookup(WEEKDAYS)
        if weekday is not None:
            ahead = (weekday - self._today.weekday()) % 7
            day = monday + timedelta(weekday) if is_next else self._today + timedelta(ahead)
            # Within a sentence it may say which: prepare next friday demo.
            return Day(day, Needs.END if words.start else Needs.NOTHING)
        if words.take_small("weekend"):
            return Day(max(monday + timedelta(5), self._today))
        if is_next:
            return self._next_period(words, monday)
        place = words.place
        is_part = bool(words.take("morning", "afternoon", "evening")) and words.ends_clause()
        words.place = place
        return Day(self._today, Needs.NOTHING) if is_part else None

    def _next_period(self, words: Cursor, monday: date) -> Day | None:
        if words.take_small("month"):
            following = later(self._today.replace(day=1), 1, "month")
            return None if following is None else Day(following)
        if not words.take_small("week"):
            return None
        place = words.place
        words.take("on")
        weekday = words.lookup(WEEKDAYS)
        if weekday is None:
            words.place = place
        return Day(monday + timedelta(weekday or 0))

    def _weekday(self, words: Cursor) -> Day | None:
        needs = Needs.END_AND_HINT if words.key in _FAINT_WEEKDAYS else Needs.END
        weekday = words.lookup(WEEKDAYS)
        if weekday is None:
            return None
        written = words.first(self._written, self._digits)
        if written is not None:
            return written if written.day.weekday() == weekday else None
        # Nobody calls today by its name.
        ahead = (weekday - self._today.weekday() - 1) % 7 + 1
        return Day(self._today + timedelta(ahead), needs)

    def _written(self, words: Cursor) -> Day | None:
        return words.first(self._month_first, self._day_first)

    def _month_first(self, words: Cursor) -> Day | None:
        month = words.lookup(MONTHS)
        day = None if month is None else words.first(ordinal, number)
        return None if month is None or day is None else self._in_month(words, month, day)

    def _day_first(self, words: Cursor) -> Day | None:
        day = words.first(ordinal, number)
        if day is None:
            return None
        words.take("of")
        month = words.lookup(MONTHS)
        return None if month is None else self._in_month(words, month, day)

    def _in_month(self, words: Cursor, month: int, day: int) -> Day | None:
        year = words.match(_YEAR)
        if year is not None:
            found = _date(int(year[0]), month, day)
            return None if found is None else Day(found, Needs.NOTHING)
        found = self._next_date(month, day)
        return None if found is None else Day(found)

    def _next_date(self, month: int, day: int) -> date | None:
        for year in range(self._today.year, self._today.year + 9):
            found = _date(year, month, day)
            if found is not None and found >= self._today:
                return found
        return None

    def _digits(self, words: Cursor) -> Day | None:
        if found := words.match(_YEAR_FIRST):
            day = _date(int(found[1]), int(found[3]), int(found[4]))
            return None if day is None else Day(day, Needs.NOTHING)
        if found := words.match(_YEAR_LAST):
            one, other, year = int(found[1]), int(found[3]), int(found[4])
            days = {_date(year, one, other), _date(year, other, one)} - {None}
            return Day(days.pop() or self._today, Needs.NOTHING) if len(days) == 1 else None
        if found := words.match(_NO_YEAR):
            one, other = int(found[1]), int(found[2])
            if found[0] == "24/7" or one == other:
                return None
            days = {self._next_date(one, other), self._next_date(other, one)} - {None}
            return Day(days.pop() or self._today) if len(days) == 1 else None
        return None

    def _offset(self, words: Cursor) -> Day | None:
        has_in = words.take_small("in")
        short = words.match(_OFFSET) if has_in else None
        if short is not None:
            count, of = int(short[1]), _SHORT.get(short[2]) or UNITS[short[2]]
        else:
            one = 1 if words.take("a", "an") else None
            found, name = one or number(words), unit(words)
            if found is None or name is None or (one and name == "minute"):
                return None
            count, of = found, name
            if not has_in and not (words.take("from") and words.take("now")):
                return None
        if of in ("hour", "minute"):
            wait = timedelta(minutes=count * (60 if of == "hour" else 1))
            # By instants: clocks may be changed in the meantime.
            moment = (self._now.astimezone(UTC) + wait).astimezone(self._now.tzinfo)
            if moment.fold:
                # Clocks show it for the second time, and as a due it would be the first.
                return None
            return Day(moment.date(), Needs.NOTHING, moment.time().replace(second=0, microsecond=0))
        day = later(self._today, count, of)
        return None if day is None else Day(day, Needs.NOTHING)

    def _of_month(self, words: Cursor) -> Day | None:
        if words.take_small("mid"):
            month = words.lookup(MONTHS)
            day = None if month is None else self._next_date(month, 15)
            return None if day is None else Day(day)
        if words.take_small("end") and words.take("of"):
            words.take("the", "this")
            if words.take_small("month"):
                return Day(self._today.replace(day=days_of_month(self._today)))
        return None

    def _nth(self, words: Cursor) -> Day | None:
        words.take("the")
        nth = ordinal(words)
        if nth is None or not 1 <= nth <= 31:
            return None
        month = self._today if nth >= self._today.day else later(self._today, 1, "month")
        while month is not None and nth > days_of_month(month):
            month = later(month.replace(day=1), 1, "month")
        return None if month is None else Day(month.replace(day=nth), Needs.END_AND_HINT)


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
