"""The words that say a time of day."""

import re
from dataclasses import dataclass
from datetime import time
from enum import Enum

from app.features.quick.vocabulary import PARTS_OF_DAY, PartOfDay
from app.features.quick.words import Cursor, listed

_CLOCK = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))?(am|pm|a\.m|p\.m)?")
ZONES = listed(
    "utc gmt bst cet cest eet eest msk ist jst aest aedt est edt et cst cdt ct mst mdt mt pst pdt "
    "pt akst hst z zulu eastern pacific"
)
# Without am or pm, an hour from 1 to 8 may be in either half of the day.
_CLEAR_FROM = 9


class Form(Enum):
    """How a time is written, which says how much else has to speak for it."""

    AT = "at 5pm"
    BARE = "5pm"
    HOUR = "at 9"


@dataclass(frozen=True, slots=True)
class Time:
    """A time of day as it is written; `hours` are those that it may be, the first where it says."""

    hours: tuple[int, ...]
    minute: int
    form: Form
    is_clear: bool

    def within(self, hours: range | None) -> time | None:
        """The one time that it is in these hours; None if there is none, or two."""
        if hours is None:
            meant = self.hours[:1] if self.is_clear else ()
        else:
            meant = tuple(hour for hour in self.hours if hour in hours)
        return time(meant[0], self.minute) if len(meant) == 1 else None


def read_time(words: Cursor) -> Time | None:
    """A time such as `at 5pm`, `17:30`, `noon` or `at 3`; None for one with a time zone."""
    found = _clock(words)
    return None if words.key in ZONES else found


def part_of_day(words: Cursor) -> PartOfDay | None:
    """A part of the day."""
    if words.take("at"):
        return PARTS_OF_DAY.get(words.take("night"))
    words.take("in") and words.take("the")
    return PARTS_OF_DAY.get(words.take_small(*PARTS_OF_DAY))


def _clock(words: Cursor) -> Time | None:
    has_at = bool(words.take("at", "@"))
    if words.take("noon", "midday"):
        return Time((12,), 0, Form.AT if has_at else Form.BARE, is_clear=True)
    key = words.key
    if key.startswith("@") and not has_at:
        has_at, key = True, key[1:]
    found = _CLOCK.fullmatch(key)
    if found is None:
        return None
    words.place += 1
    said = (found[3] or words.take("am", "pm", "a.m", "p.m")).replace(".", "")
    is_hour = not said and found[2] is None
    hour, minute = int(found[1]), int(found[2] or 0)
    if minute > 59 or hour > 23 or (said and not 1 <= hour <= 12) or (is_hour and not has_at):
        return None
    hours: tuple[int, ...] = (hour, (hour + 12) % 24) if 1 <= hour <= 12 else (hour,)
    if said:
        hours = (hour % 12 + (12 if said == "pm" else 0),)
    is_clear = bool(said) or hour >= _CLEAR_FROM or (found[1][0] == "0" and not is_hour)
    form = Form.HOUR if is_hour else Form.AT if has_at else Form.BARE
    return Time(hours, minute, form, is_clear)
