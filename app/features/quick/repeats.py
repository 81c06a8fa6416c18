"""The words that say how a todo repeats, and the rule (RFC 5545, section 3.3.10) that they mean."""

from dataclasses import dataclass, replace
from datetime import date, time

from app.features.quick.days import Days
from app.features.quick.days_of_rules import (
    days_of_month,
    days_of_year,
    last_day,
    list_of_month_days,
    list_of_weekdays,
    month_and_day,
    nth_weekday,
)
from app.features.quick.moments import read_moment
from app.features.quick.times import read_time
from app.features.quick.vocabulary import (
    ORDINALS,
    PARTS_OF_DAY,
    number,
    ordinal_or_word,
    unit,
)
from app.features.quick.words import Cursor, listed

_WORKDAYS = "BYDAY=MO,TU,WE,TH,FR"
_FREQUENCIES = {"hour": "HOURLY", "day": "DAILY", "week": "WEEKLY", "month": "MONTHLY"} | {
    "year": "YEARLY"
}
_ADVERBS = {
    "hourly": ("HOURLY", 1),
    "daily": ("DAILY", 1),
    "weekly": ("WEEKLY", 1),
    "monthly": ("MONTHLY", 1),
    "quarterly": ("MONTHLY", 3),
    "yearly": ("YEARLY", 1),
    "annually": ("YEARLY", 1),
}
_EVERY = ("every", "each", "ev")
# With these, and with digits, a repetition begins.
FIRST_OF_REPEATS = listed("on the last").union(_EVERY, _ADVERBS, ORDINALS)


@dataclass(frozen=True, slots=True)
class Repeat:
    """How a todo repeats.

    `by` are the rule's parts that say on which days. One that is not `sure` counts only at the end
    of a clause. It begins on the first such day from `starts` on, or from today.
    """

    frequency: str
    interval: int = 1
    by: tuple[str, ...] = ()
    sure: bool = False
    at: time | None = None
    starts: date | None = None
    until: date | None = None
    count: int | None = None
    after_completion: bool = False

    def rule(self, until: str | None) -> str:
        """The rule, which ends with `until`, the value of that part."""
        parts = [f"FREQ={self.frequency}"]
        if self.interval > 1:
            parts.append(f"INTERVAL={self.interval}")
        parts += self.by
        if self.count is not None:
            parts.append(f"COUNT={self.count}")
        elif until is not None:
            parts.append(f"UNTIL={until}")
        return ";".join(parts)


class Repeats:
    """Reads repetitions, whose beginning and end are days."""

    def __init__(self, days: Days) -> None:
        self._days = days

    def read(self, words: Cursor) -> Repeat | None:
        """A repetition."""
        key = words.key
        if key not in FIRST_OF_REPEATS and not key[:1].isdigit():
            return None
        read = _every if key in _EVERY else _adverb if key in _ADVERBS else _nth_of_every
        repeat = words.first(read)
        if repeat is None:
            return None
        while True:
            more = self._more(words, repeat)
            if more is None:
                break
            repeat = replace(more, sure=True)
        return repeat

    def _more(self, words: Cursor, repeat: Repeat) -> Repeat | None:
        """The repetition with what the next words add to it."""
        return words.first(
            lambda here: _with_time(here, repeat),
            lambda here: self._with_start(here, repeat),
            lambda here: self._with_end(here, repeat),
            lambda here: _with_count(here, repeat),
        )

    def _with_start(self, words: Cursor, repeat: Repeat) -> Repeat | None:
        if repeat.starts is not None or not words.take("starting", "from", "beginning"):
            return None
        words.take("on")
        day = words.first(self._days.read)
        if day is None:
            return _with_time(words, repeat)
        return None if day.clock else replace(repeat, starts=day.day)

    def _with_end(self, words: Cursor, repeat: Repeat) -> Repeat | None:
        if repeat.until or repeat.count or not words.take("until", "till", "ending"):
            return None
        words.take("on")
        day = words.first(self._days.read)
        if day is None or day.clock or words.first(read_time):
            return None
        return replace(repeat, until=day.day)


def _with_time(words: Cursor, repeat: Repeat) -> Repeat | None:
    said = None if repeat.at else read_moment(words)
    return None if said is None else replace(repeat, at=said.clock)


def _with_count(words: Cursor, repeat: Repeat) -> Repeat | None:
    if repeat.count or repeat.until or not words.take("for"):
        return None
    count = number(words)
    is_count = count is not None and count > 1 and words.take("times")
    return replace(repeat, count=count) if is_count else None


def _every(words: Cursor) -> Repeat | None:
    if not words.take(*_EVERY):
        return None
    after_completion = words.words[words.place - 1].after == "!"
    repeat = words.first(_weekdays, _in_period, _of_units, _nth, _month_days, _of_year)
    return None if repeat is None else replace(repeat, after_completion=after_completion)


def _adverb(words: Cursor) -> Repeat | None:
    meant = _ADVERBS.get(words.take_small(*_ADVERBS))
    return None if meant is None else _on_days(words, Repeat(*meant))


def _nth_of_every(words: Cursor) -> Repeat | None:
    """The first friday of every month."""
    words.take("on")
    words.take("the")
    day = nth_weekday(words)
    is_it = day and words.take("of") and words.take("every", "each") and words.take("month")
    return Repeat("MONTHLY", by=(f"BYDAY={day}",), sure=True) if is_it else None


def _weekdays(words: Cursor) -> Repeat | None:
    interval = 2 if words.take("other") else 1
    days = list_of_weekdays(words)
    return Repeat("WEEKLY", interval, (days,), sure=True) if days else None


def _in_period(words: Cursor) -> Repeat | None:
    """Every weekday, weekend, morning."""
    if words.take_small("weekday", "workday"):
        return Repeat("WEEKLY", by=(_WORKDAYS,))
    if words.take_small("business", "work") and words.take_small("day"):
        return Repeat("WEEKLY", by=(_WORKDAYS,))
    if words.take_small("weekend"):
        return Repeat("WEEKLY", by=("BYDAY=SA",))
    if words.take_small("quarter"):
        return Repeat("MONTHLY", 3)
    return _with_time(words, Repeat("DAILY")) if words.key in PARTS_OF_DAY else None


def _of_units(words: Cursor) -> Repeat | None:
    """Every 2 weeks, every other day, every month on the 31st."""
    count = 2 if words.take("other") else words.first(number, ordinal_or_word)
    frequency = _FREQUENCIES.get(unit(words) or "")
    if frequency is None or (count or 1) > 1000:
        return None
    # Every 2nd day of the month is something else.
    if words.key in ("of", "in"):
        return None
    repeat = Repeat(frequency, count or 1, sure=count is not None)
    return _on_days(words, repeat)


def _on_days(words: Cursor, repeat: Repeat) -> Repeat:
    """The same on days that the next words say, if they do."""
    place = words.place
    if words.take("on"):
        read = {"WEEKLY": list_of_weekdays, "MONTHLY": days_of_month, "YEARLY": days_of_year}
        days = read[repeat.frequency](words) if repeat.frequency in read else None
        if days:
            return replace(repeat, by=tuple(days.split(";")), sure=True)
        words.place = place
    return repeat


def _nth(words: Cursor) -> Repeat | None:
    """Every 3rd friday, every last day."""
    day = nth_weekday(words)
    if day is None:
        return None
    # Every second friday may be every other one.
    return _of_the_month(words, f"BYDAY={day}", sure=day[0] != "2" or _said_in_digits(words))


def _month_days(words: Cursor) -> Repeat | None:
    """Every 15th, every 4th and 10th of the month."""
    days = words.first(list_of_month_days, last_day)
    return None if days is None else _of_the_month(words, days, sure=True)


def _of_the_month(words: Cursor, by: str, *, sure: bool) -> Repeat | None:
    place = words.place
    if words.take("of") and words.take("the", "each", "every") and words.take("month"):
        sure = True
    else:
        words.place = place
        if words.key in ("of", "in"):  # some months alone
            return None
    return Repeat("MONTHLY", by=(by,), sure=True) if sure else None


def _of_year(words: Cursor) -> Repeat | None:
    """Every may 3rd, every January on the 15th."""
    by = month_and_day(words)
    return Repeat("YEARLY", by=tuple(by.split(";")), sure=True) if by else None


def _said_in_digits(words: Cursor) -> bool:
    return words.words[words.place - 2].key != "second"
