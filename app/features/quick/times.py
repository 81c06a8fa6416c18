"""The words that say a time of day."""

import re
from dataclasses import dataclass
from datetime import time
from enum import Enum

from app.features.quick.vocabulary import PARTS_OF_DAY
from app.features.quick.words import Cursor, listed

_CLOCK = re.compile(r"([0-9]{1,2})(?::([0-9]{2}))?(am|pm|a\.m|p\.m)?")
ZONES = listed(
    "utc gmt bst cet cest eet eest msk ist jst aest aedt est edt et cst cdt ct mst mdt mt pst pdt "
    "pt akst hst"
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
    """A time of day."""

    clock: time
    form: Form


def read_time(words: Cursor, half: str = "") -> Time | None:
    """A time such as `at 5pm`, `17:30` or `noon`; `half` is `am` or `pm` where that was said.

    None for one with two readings, such as `at 3`, and for one with a time zone.
    """
    found = _clock(words, half)
    return None if words.key in ZONES else found


def part_of_day(words: Cursor) -> Time | None:
    """When a part of the day begins."""
    words.take("in") and words.take("the")
    hour = PARTS_OF_DAY.get(words.take_small(*PARTS_OF_DAY))
    return None if hour is None else Time(time(hour), Form.HOUR)


def _clock(words: Cursor, half: str) -> Time | None:
    has_at = bool(words.take("at", "@"))
    if words.take("noon", "midday"):
        return Time(time(12), Form.AT if has_at else Form.BARE)
    key = words.key
    if key.startswith("@") and not has_at:
        has_at, key = True, key[1:]
    found = _CLOCK.fullmatch(key)
    if found is None:
        return None
    words.place += 1
    said = found[3] or words.take("am", "pm", "a.m", "p.m")
    is_hour = not said and found[2] is None
    minute = int(found[2] or 0)
    if minute > 59 or (is_hour and not has_at):
        return None
    hour = _hour(found[1], said.replace(".", "") or half, is_said=bool(said), is_hour=is_hour)
    form = Form.HOUR if is_hour else Form.AT if has_at else Form.BARE
    return None if hour is None else Time(time(hour, minute), form)


def _hour(written: str, half: str, *, is_said: bool, is_hour: bool) -> int | None:
    """The hour of 24; None if there is none, or there are two."""
    hour = int(written)
    if half and 1 <= hour <= 12:
        return hour % 12 + (12 if half == "pm" else 0)
    is_clear = hour >= _CLEAR_FROM or (written.startswith("0") and not is_hour)
    return hour if is_clear and hour <= 23 and not is_said else None
