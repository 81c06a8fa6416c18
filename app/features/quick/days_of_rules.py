"""The words that say on which days a rule is, as its parts that begin with BY (RFC 5545)."""

from app.features.quick.vocabulary import MONTHS, WEEKDAYS, number, ordinal, ordinal_or_word
from app.features.quick.words import Cursor

_CODES = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_PLURALS = {**WEEKDAYS, **{f"{name}s": day for name, day in WEEKDAYS.items() if len(name) > 4}}
_LONGEST = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def list_of_weekdays(words: Cursor) -> str | None:
    """Monday, wednesday and friday."""
    days: set[int] = set()
    place = words.place
    while (day := words.lookup(_PLURALS)) is not None:
        days.add(day)
        place = words.place
        words.take("and", "&")
    words.place = place
    return f"BYDAY={','.join(_CODES[day] for day in sorted(days))}" if days else None


def list_of_month_days(words: Cursor) -> str | None:
    """The 4th and the 10th."""
    days: set[int] = set()
    place = words.place
    while (day := ordinal(words)) is not None and 1 <= day <= 31:
        days.add(day)
        place = words.place
        words.take("and", "&")
        words.take("the")
    words.place = place
    return f"BYMONTHDAY={','.join(map(str, sorted(days)))}" if days else None


def last_day(words: Cursor) -> str | None:
    """The last day of a month."""
    return "BYMONTHDAY=-1" if words.take("last") and words.take("day") else None


def days_of_month(words: Cursor) -> str | None:
    """The last tuesday, the 4th, the last day."""
    words.take("the")
    day = words.first(nth_weekday)
    return f"BYDAY={day}" if day else words.first(last_day, list_of_month_days)


def days_of_year(words: Cursor) -> str | None:
    """May 3rd, the fourth thursday in november."""
    days = words.first(month_and_day)
    if days is not None:
        return days
    words.take("the")
    day = nth_weekday(words)
    words.take("in", "of")
    month = None if day is None or day[0] == "5" else words.lookup(MONTHS)
    return None if month is None else f"BYMONTH={month};BYDAY={day}"


def month_and_day(words: Cursor) -> str | None:
    """Jan 27th, 27 jan, January on the 15th."""
    day = words.first(ordinal, number)
    words.take("of")
    month = words.lookup(MONTHS)
    if day is None and month is not None:
        words.take("on") and words.take("the")
        day = words.first(ordinal, number)
    if day is None or month is None or not 1 <= day <= _LONGEST[month]:
        return None
    return f"BYMONTH={month};BYMONTHDAY={day}"


def nth_weekday(words: Cursor) -> str | None:
    """3rd tuesday, last tuesday, 2nd last tuesday; as RFC 5545 has them."""
    nth = words.first(ordinal_or_word) or 0
    is_last = words.take("last")
    weekday = words.lookup(WEEKDAYS)
    if weekday is None or not (nth or is_last) or nth > 5:
        return None
    return f"{-(nth or 1) if is_last else nth}{_CODES[weekday]}"
