"""The English words that quick add knows, and what they stand for."""

import re
from dataclasses import dataclass
from datetime import date, time, timedelta

from app.features.quick.words import Cursor, listed


def _named(*names: str) -> dict[str, int]:
    """Each of the names, which have spaces between, with its number."""
    return {name: number for number, group in enumerate(names) for name in group.split()}


def _counted(names: str) -> dict[str, int]:
    """Each of the names, from 1 on."""
    return {name: number for number, name in enumerate(names.split(), 1)}


WEEKDAYS = _named(
    "monday mon",
    "tuesday tue tues",
    "wednesday wed weds",
    "thursday thu thur thurs",
    "friday fri",
    "saturday sat",
    "sunday sun",
)
MONTHS = _named(
    "",
    "january jan",
    "february feb",
    "march mar",
    "april apr",
    "may",
    "june jun",
    "july jul",
    "august aug",
    "september sep sept",
    "october oct",
    "november nov",
    "december dec",
)
NUMBERS = _counted("one two three four five six seven eight nine ten eleven twelve")
ORDINALS = _counted(
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth "
    "fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
)


@dataclass(frozen=True, slots=True)
class PartOfDay:
    """The clock that it means alone, as Todoist has it, and the hours that are said to be in it.

    What is after midnight is in none: which day the night belongs to has two readings.
    """

    begins: time
    hours: range


PARTS_OF_DAY = {
    "morning": PartOfDay(time(9), range(1, 12)),
    "afternoon": PartOfDay(time(12), range(12, 19)),
    "evening": PartOfDay(time(19), range(16, 24)),
    "night": PartOfDay(time(22), range(17, 24)),
}
UNITS = {
    **dict.fromkeys(("minute", "minutes", "min", "mins"), "minute"),
    **dict.fromkeys(("hour", "hours", "hr", "hrs"), "hour"),
    **dict.fromkeys(("day", "days"), "day"),
    **dict.fromkeys(("week", "weeks", "wk", "wks"), "week"),
    **dict.fromkeys(("month", "months"), "month"),
    **dict.fromkeys(("year", "years", "yr", "yrs"), "year"),
}
# After these a day is not when something is due.
SMALL = listed(
    "to until till since from of with about before after between for a an the than like through "
    "and or & - \u2013 \u2014 my your our his her their each every any last this next except but "
    "excluding not never starting beginning ending within past around during mid middle late end "
    "sans exc ex minus without besides following previous"
)
_NUMBER = re.compile("[0-9]{1,3}")
_ORDINAL = re.compile("([0-9]{1,2})(st|nd|rd|th)")


def number(words: Cursor) -> int | None:
    """A number from 1 on, in digits or as a word."""
    found = words.match(_NUMBER)
    return (int(found[0]) or None) if found else words.lookup(NUMBERS)


def ordinal(words: Cursor) -> int | None:
    """An ordinal such as `3rd`."""
    found = words.match(_ORDINAL)
    if found is None:
        return None
    value = int(found[1])
    teen = value // 10 == 1
    return value if found[2] == ("th" if teen else _SUFFIXES.get(value % 10, "th")) else None


def is_ordinal(key: str) -> bool:
    """Whether a word is an ordinal: `3rd`, `third`."""
    return key in ORDINALS or _ORDINAL.fullmatch(key) is not None


def ordinal_or_word(words: Cursor) -> int | None:
    """An ordinal such as `3rd` or `third`."""
    return words.first(ordinal, lambda here: here.lookup(ORDINALS))


def unit(words: Cursor) -> str | None:
    """A unit of time; none that is capitalised, as in Around the World in 80 Days."""
    return UNITS.get(words.take_small(*UNITS))


def later(start: date, count: int, of: str) -> date | None:
    """A day so many days, weeks, months or years later; None if there is none.

    A month that is too short gives its last day.
    """
    try:
        if of in ("day", "week"):
            return start + timedelta(days=count * (7 if of == "week" else 1))
        months = start.year * 12 + start.month - 1 + count * (12 if of == "year" else 1)
        first = date(months // 12, months % 12 + 1, 1)
        return first + timedelta(days=min(start.day, days_of_month(first)) - 1)
    except (OverflowError, ValueError):
        return None


def days_of_month(day: date) -> int:
    """How many days its month has."""
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return (following - day.replace(day=1)).days


_SUFFIXES = {1: "st", 2: "nd", 3: "rd"}
