"""The expressions of a text: which of its words speak of days, times and repetitions.

Where such words are also other words (a friday demo, 5 may, sat), it asks for more: that they end a
clause, or have `on` before them, or a time beside them.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime

from app.features.quick.days import AFTER_NUMBERS, FIRST_OF_DAYS, Day, Days, Needs
from app.features.quick.due import due_once, due_repeatedly
from app.features.quick.repeats import FIRST_OF_REPEATS, Repeat, Repeats
from app.features.quick.times import ZONES, Form, Time, part_of_day, read_time
from app.features.quick.vocabulary import MONTHS, WEEKDAYS, is_ordinal
from app.features.quick.words import Cursor, Word, listed

# After these a day is not when something is due; some are the rest of a day's name.
_NOT_AFTER = listed(
    "to until till since from of with about before after between for a an the than like through "
    "and or & - \u2013 \u2014 my your our each every last this next except excluding starting "
    "beginning ending within past around black good happy easter cyber super ash palm whit bloody "
    "fat casual freaky high"
)
_AFTER_NUMBERS = listed("am pm a.m p.m").union(AFTER_NUMBERS)
# With these, and with digits, an expression may begin.
_BEGINNINGS = FIRST_OF_DAYS | FIRST_OF_REPEATS | listed("due on by at @ noon midday")
# Not capitalised it may be tomorrow at 4pm, or with Tom today.
_TOMORROW_OR_TOM = frozenset({"tom", "tod"})
# Where one of these is left, a time alone is not of today.
_OF_DAYS = listed(
    "day days week weeks weekend weekends fortnight month months year years yesterday ago last "
    "easter christmas"
).union(WEEKDAYS, MONTHS)
_DIGITS_OF_DAYS = re.compile("[0-9]+[-/.][0-9].*")
# Friday week, friday the 13th: another one.
_WHICH = listed("week weeks fortnight")
_OFFSET = re.compile("[+-][0-9]{2}:?[0-9]{2}")
_RANGES = listed("to until till through thru and or & - \u2013 \u2014")


@dataclass(frozen=True, slots=True)
class Moment:
    """A day, a time, or both beside each other; `on` or `due` may stand before it."""

    day: Day | None
    time: Time | None
    is_hinted: bool


@dataclass(slots=True)
class Expressions:
    """What a text says of when something is due.

    `words` are the words that say it: the field, from which one, and up to which.
    """

    days: list[Day] = field(default_factory=list)
    times: list[Time] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    words: list[tuple[str, int, int]] = field(default_factory=list)

    def due(self, now: datetime, timezone: str) -> tuple[date | None, str | None] | None:
        """The due and the rule; None for what contradicts itself, or says nothing."""
        at = [
            *(time.clock for time in self.times),
            *(day.clock for day in self.days if day.clock),
            *(repeat.at for repeat in self.repeats if repeat.at),
        ]
        if not self.words or max(len(self.days), len(self.repeats), len(at)) > 1:
            return None
        day = self.days[0].day if self.days else None
        time = at[0] if at else None
        if self.repeats:
            return due_repeatedly(self.repeats[0], day, time, now, timezone)
        return due_once(day, time, now), None


def find(words: list[Word], now: datetime) -> Expressions:
    """All expressions among the words, seen from now, which is in somebody's time zone."""
    return _Finder(words, now).find()


class _Finder:
    def __init__(self, words: list[Word], now: datetime) -> None:
        self._words = words
        self._days = Days(now)
        self._repeats = Repeats(self._days)
        # The first word that is none of #project, @label and !high.
        self._first = next((n for n, word in enumerate(words) if not word.sigil), len(words))

    def find(self) -> Expressions:
        found = Expressions()
        place = 0
        while place < len(self._words):
            cursor = Cursor(self._words, place)
            if not _may_begin(cursor):
                place += 1
                continue
            repeat = self._repeats.read(cursor)
            if repeat is not None:
                if self._counts(cursor, is_sure=repeat.sure):
                    found.repeats.append(repeat)
                    found.words.append(("recurrence", place, cursor.place))
            elif cursor.place == place:
                moment = self._moment(cursor)
                if moment is not None and self._is_due(moment, cursor):
                    found.days += [moment.day] if moment.day else []
                    found.times += [moment.time] if moment.time else []
                    found.words.append(("due", place, cursor.place))
            # What does not count is not looked at again from its second word on.
            place = max(cursor.place, place + 1)
        if found.times and not found.days and not found.repeats and self._says_a_day(found):
            return Expressions()
        return found

    def _says_a_day(self, found: Expressions) -> bool:
        """Whether other words than those that were read speak of days."""
        read = {n for _, first, end in found.words for n in range(first, end)}
        return any(
            word.key in _OF_DAYS or is_ordinal(word.key) or _DIGITS_OF_DAYS.fullmatch(word.key)
            for n, word in enumerate(self._words)
            if n not in read and not word.sigil
        )

    def _moment(self, words: Cursor) -> Moment | None:
        is_due = words.take("due")
        is_hinted = bool(words.take("on", "by") or is_due)
        day = words.first(self._days.read)
        time = self._time_of(words, day)
        if day is None and time is not None:
            day = words.first(self._on_day)
        if day is None and time is None:
            words.place = words.start
            return None
        return Moment(day, time, is_hinted)

    def _on_day(self, words: Cursor) -> Day | None:
        words.take("on")
        return self._days.read(words)

    def _time_of(self, words: Cursor, day: Day | None) -> Time | None:
        """The time that is said next; on a day, it may be a part of it."""
        place = words.place
        part = None if day is None else words.first(part_of_day)
        half = day.half if day else ""
        if part is not None:
            half = "am" if part.clock.hour < 12 else "pm"
        after_part = words.place
        time = words.first(lambda here: read_time(here, half))
        if time is not None and time.form is Form.HOUR and not words.ends_clause():
            # At 12 Main Street.
            time, words.place = None, after_part
        if time is None and part is not None:
            if words.ends_clause():
                return part
            words.place = place
        return time

    def _is_due(self, moment: Moment, words: Cursor) -> bool:
        day, time = moment.day, moment.time
        if day is None:
            is_sure = time is not None and time.form is Form.AT
            return self._counts(words, is_sure=is_sure or moment.is_hinted)
        has_hint = moment.is_hinted or (time is not None and time.form is not Form.HOUR)
        if day.needs is Needs.END_AND_HINT:
            return has_hint and self._counts(words, is_sure=False)
        return self._counts(words, is_sure=has_hint or day.needs is Needs.NOTHING)

    def _counts(self, words: Cursor, *, is_sure: bool) -> bool:
        """Whether the words around those that were read let them say when something is due."""
        if words.start > 0:
            before = self._words[words.start - 1]
            says_which = before.key in _NOT_AFTER or is_ordinal(before.key)
            if not before.after and (says_which or before.text in _TOMORROW_OR_TOM):
                return False
            if before.key in WEEKDAYS:
                # That date is no such day.
                return False
        if self._is_range(words.place) or self._is_another(words.place):
            return False
        return is_sure or words.ends_clause(may_go_on=words.start > self._first)

    def _is_another(self, end: int) -> bool:
        """Whether the next word says which such day it is, or in which time zone the time."""
        keys = [word.text.lower() for word in self._words[end : end + 2]]
        if keys[:1] == ["the"]:
            return is_ordinal(keys[-1])
        return any(
            key in _WHICH or key in ZONES or is_ordinal(key) or _OFFSET.fullmatch(key) is not None
            for key in keys[:1]
        )

    def _is_range(self, end: int) -> bool:
        """Whether there is another end of it: from 9 to 17, monday and thursday."""
        if end >= len(self._words) or self._words[end].key not in _RANGES:
            return False
        other = Cursor(self._words, end + 1)
        key = other.key
        return key[:1].isdigit() or other.first(self._days.read, read_time) is not None


def _may_begin(words: Cursor) -> bool:
    """Whether an expression may begin with the next word."""
    key = words.key
    if key.isdigit():
        return words.following in _AFTER_NUMBERS
    return key in _BEGINNINGS or key.lstrip("@")[:1].isdigit()
