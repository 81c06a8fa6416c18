"""A recurrence rule: the value of an RRULE property, by RFC 5545's own grammar (section 3.3.10)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from typing import Any

MAX_LENGTH = 500
MAX_INTERVAL = 1_000
MAX_COUNT = 10_000
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


class Frequency(IntEnum):
    """How long one period of a rule is."""

    HOURLY = 1
    DAILY = 2
    WEEKLY = 3
    MONTHLY = 4
    YEARLY = 5


class RuleInvalid(ValueError):
    """Text that is no rule; the message says why, and holds nothing of the text but names."""


@dataclass(frozen=True, slots=True)
class Rule:
    """The parts of a rule. Empty tuples are parts that it does not have.

    `until` is a date, a wall clock or an instant in UTC. A weekday is its number from Monday (0),
    after its ordinal in the month or year, 0 for all of them.
    """

    frequency: Frequency
    interval: int = 1
    count: int | None = None
    until: date | datetime | None = None
    months: tuple[int, ...] = ()
    week_numbers: tuple[int, ...] = ()
    year_days: tuple[int, ...] = ()
    month_days: tuple[int, ...] = ()
    weekdays: tuple[tuple[int, int], ...] = ()
    hours: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    set_positions: tuple[int, ...] = ()
    week_start: int = 0

    @property
    def needs_time(self) -> bool:
        """Whether it needs a due with a time, since it may occur more than once a day."""
        return self.frequency is Frequency.HOURLY or bool(self.hours or self.minutes)


def parse(text: str) -> Rule:
    """The rule that an RRULE value says, in either case. Raises `RuleInvalid`."""
    if len(text) > MAX_LENGTH:
        raise RuleInvalid(f"must have at most {MAX_LENGTH} characters")
    if not text.isascii():
        raise RuleInvalid("must be plain ASCII")
    parts: dict[str, Any] = {}
    for part in text.upper().split(";"):
        name, equals, value = part.partition("=")
        known = _PARTS.get(name)
        if known is None or not equals:
            raise RuleInvalid("must be parts such as FREQ=WEEKLY with semicolons between")
        field, read = known
        if field in parts:
            raise RuleInvalid(f"{name} stands there twice")
        try:
            parts[field] = read(value)
        except ValueError:
            raise RuleInvalid(f"{name} has a value that it cannot have") from None
    if "frequency" not in parts:
        raise RuleInvalid("needs FREQ")
    rule = Rule(**parts)
    _check(rule)
    return rule


def _check(rule: Rule) -> None:
    """What section 3.3.10 says of parts that do not go together."""
    frequency = rule.frequency
    by_day_or_time = (
        rule.months,
        rule.week_numbers,
        rule.year_days,
        rule.month_days,
        rule.weekdays,
        rule.hours,
        rule.minutes,
    )
    wrong = {
        "COUNT and UNTIL do not go together": rule.count is not None and rule.until is not None,
        "BYWEEKNO goes with YEARLY only": rule.week_numbers and frequency != Frequency.YEARLY,
        "BYYEARDAY does not go with DAILY, WEEKLY and MONTHLY": rule.year_days
        and frequency not in (Frequency.YEARLY, Frequency.HOURLY),
        "BYMONTHDAY does not go with WEEKLY": rule.month_days and frequency == Frequency.WEEKLY,
        "BYDAY with a number goes with MONTHLY and YEARLY only, and not with BYWEEKNO": any(
            ordinal for ordinal, _ in rule.weekdays
        )
        and (frequency < Frequency.MONTHLY or rule.week_numbers),
        "BYSETPOS needs another part that begins with BY": rule.set_positions
        and not any(by_day_or_time),
    }
    for reason, is_so in wrong.items():
        if is_so:
            raise RuleInvalid(reason)


def _number(pattern: str, least: int, most: int) -> Callable[[str], int]:
    """Reads a number of that form; one with a sign may be negative, and is never 0."""
    form = re.compile(pattern)

    def read(value: str) -> int:
        if form.fullmatch(value) is None:
            raise ValueError(value)
        number = int(value)
        if not least <= number <= most or (least < 0 and number == 0):
            raise ValueError(value)
        return number

    return read


def _list(read: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    def read_all(value: str) -> tuple[Any, ...]:
        return tuple(sorted({read(one) for one in value.split(",")}))

    return read_all


def _frequency(value: str) -> Frequency:
    try:
        return Frequency[value]
    except KeyError:
        raise ValueError(value) from None


def _weekday(value: str) -> tuple[int, int]:
    ordinal = value[:-2]
    return (_ordinal(ordinal) if ordinal else 0), _WEEKDAYS.index(value[-2:])


def _until(value: str) -> date | datetime:
    if _UNTIL.fullmatch(value) is None:
        raise ValueError(value)
    # What the form leaves to be read is ISO 8601's basic format.
    if len(value) == len("YYYYMMDD"):
        return date.fromisoformat(value)
    return datetime.fromisoformat(value)


# Not 24:00:00, which newer Pythons take for the next day.
_UNTIL = re.compile(r"[0-9]{8}(T(?!24)[0-9]{6}Z?)?")
_ordinal = _number(r"[+-]?[0-9]{1,2}", -53, 53)
_year_day = _number(r"[+-]?[0-9]{1,3}", -366, 366)
_PARTS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "FREQ": ("frequency", _frequency),
    "INTERVAL": ("interval", _number("[0-9]+", 1, MAX_INTERVAL)),
    "COUNT": ("count", _number("[0-9]+", 1, MAX_COUNT)),
    "UNTIL": ("until", _until),
    "BYMONTH": ("months", _list(_number("[0-9]{1,2}", 1, 12))),
    "BYWEEKNO": ("week_numbers", _list(_ordinal)),
    "BYYEARDAY": ("year_days", _list(_year_day)),
    "BYMONTHDAY": ("month_days", _list(_number(r"[+-]?[0-9]{1,2}", -31, 31))),
    "BYDAY": ("weekdays", _list(_weekday)),
    "BYHOUR": ("hours", _list(_number("[0-9]{1,2}", 0, 23))),
    "BYMINUTE": ("minutes", _list(_number("[0-9]{1,2}", 0, 59))),
    "BYSETPOS": ("set_positions", _list(_year_day)),
    "WKST": ("week_start", _WEEKDAYS.index),
}
