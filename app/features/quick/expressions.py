"""The expressions of a text: which of its words speak of days, times and repetitions.

Where such words are also other words (a friday demo, 5 may, sat), it asks for more: that they end a
clause, or have `on` before them, or a time beside them.
"""

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time

from app.features.quick.days import AFTER_NUMBERS, FIRST_OF_DAYS, Day, Days, Needs
from app.features.quick.due import due_once, due_repeatedly
from app.features.quick.moments import Moment, read_moment
from app.features.quick.repeats import FIRST_OF_REPEATS, Repeat, Repeats
from app.features.quick.times import ZONES, Form
from app.features.quick.unread import Unread
from app.features.quick.vocabulary import NUMBERS, PARTS_OF_DAY, SMALL, UNITS, is_ordinal
from app.features.quick.words import Cursor, Word, listed

# Some are the rest of a day's name.
_NOT_AFTER = SMALL | listed(
    "black good happy easter cyber super ash palm whit bloody fat casual freaky high"
)
_AFTER_NUMBERS = listed("am pm a.m p.m").union(AFTER_NUMBERS)
# With these, and with digits, an expression may begin.
_BEGINNINGS = FIRST_OF_DAYS | FIRST_OF_REPEATS | listed("due on by at @ noon midday")
# Not capitalised it may be tomorrow at 4pm, or with Tom today.
_TOMORROW_OR_TOM = frozenset({"tom", "tod"})
# These are longer than a day that a rule could begin on.
_PERIODS = listed("week weekend month")
_OFFSET = re.compile("[+-][0-9]{2}:?[0-9]{2}")
_BEFORE_TIME = listed("am pm a.m p.m noon").union(UNITS)
_JOINTS = listed("to until till through thru and or & - \u2013 \u2014")
_BARE_NUMBER = re.compile("'?[0-9]{1,2}|(?:19|20)[0-9]{2}")


@dataclass(slots=True)
class Expressions:
    """What a text says of when something is due.

    `words` are the words that say it: the field, from which one, and up to which.
    """

    days: list[Day] = field(default_factory=list)
    times: list[time] = field(default_factory=list)
    repeats: list[Repeat] = field(default_factory=list)
    words: list[tuple[str, int, int]] = field(default_factory=list)

    def due(self, now: datetime, timezone: str) -> tuple[date | None, str | None] | None:
        """The due and the rule; None for what contradicts itself, or says nothing."""
        at = [
            *self.times,
            *(day.clock for day in self.days if day.clock),
            *(repeat.at for repeat in self.repeats if repeat.at),
        ]
        if not self.words or max(len(self.days), len(self.repeats), len(at)) > 1:
            return None
        day = self.days[0].day if self.days else None
        clock = at[0] if at else None
        if clock and any(one.hours and clock.hour not in one.hours for one in self.days):
            return None
        if self.repeats:
            return due_repeatedly(self.repeats[0], day, clock, now, timezone)
        return due_once(day, clock, now), None

    def unread(self, words: list[Word]) -> Unread:
        """The other words."""
        read = frozenset(n for _, first, end in self.words for n in range(first, end))
        has_clock = bool(self.times) or any(one.at for one in self.repeats)
        has_clock = has_clock or any(day.clock or day.hours for day in self.days)
        has_rule = bool(self.repeats)
        return Unread(words, read, bool(self.days) or has_rule, has_rule, has_clock)


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
                is_hinted = self._take_hint(cursor)
                moment = read_moment(cursor, self._on_day)
                if moment is not None and self._is_due(moment, cursor, is_hinted=is_hinted):
                    if found.repeats and moment.day:
                        # Every month on friday.
                        return Expressions()
                    found.days += [moment.day] if moment.day else []
                    found.times += [moment.clock] if moment.clock else []
                    found.words.append(("due", place, cursor.place))
            # What does not count is not looked at again from its second word on.
            place = max(cursor.place, place + 1)
        if not found.words or (found.repeats and self._says_period(found)):
            return Expressions()
        return Expressions() if found.unread(self._words).speak_of_time() else found

    def _says_period(self, found: Expressions) -> bool:
        """Whether the day of a rule is said as that of a week or a month, in which it may be."""
        return any(
            word.key in _PERIODS
            for name, start, end in found.words
            for word in self._words[start:end]
            if name == "due"
        )

    def _take_hint(self, words: Cursor) -> bool:
        is_due = words.take("due")
        return bool(words.take("on", "by") or is_due)

    def _on_day(self, words: Cursor) -> Day | None:
        if words.place > words.start:
            words.take("on")
        return self._days.read(words)

    def _is_due(self, moment: Moment, words: Cursor, *, is_hinted: bool) -> bool:
        day, form = moment.day, moment.written and moment.written.form
        if day is None:
            return self._counts(words, is_sure=form is Form.AT or is_hinted)
        has_hint = is_hinted or form in (Form.AT, Form.BARE)
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
            is_list = before.after == "," and self._words[words.start].key[:1].isdigit()
            says_part = self._words[words.place - 1].key in PARTS_OF_DAY
            if _BARE_NUMBER.fullmatch(before.key) and (is_list or says_part):
                # 5, 7 may; dinner 8 tomorrow evening.
                return False
        if self._goes_on(words.place):
            return False
        return is_sure or words.ends_clause(may_go_on=words.start > self._first)

    def _goes_on(self, end: int) -> bool:
        """Whether a time zone follows, or another number: dec 20, 21."""
        if end >= len(self._words):
            return False
        last, following = self._words[end - 1].key, self._words[end].text.lower()
        if following in ZONES or _OFFSET.fullmatch(following):
            return True
        is_counted = last[:1].isdigit() or last in _BEFORE_TIME
        if is_counted and "time" in [word.key for word in self._words[end : end + 2]]:
            # 5pm Berlin time, in two weeks time.
            return True
        place = end + (following in _JOINTS)
        key = self._words[place].key if place < len(self._words) else ""
        if key in NUMBERS or key == "so":
            return place > end
        may_have_others = place > end or last in PARTS_OF_DAY or last[:1].isdigit()
        return may_have_others and _BARE_NUMBER.fullmatch(key) is not None


def _may_begin(words: Cursor) -> bool:
    """Whether an expression may begin with the next word."""
    key = words.key
    if key.isdigit():
        return words.following in _AFTER_NUMBERS
    return key in _BEGINNINGS or key.lstrip("@")[:1].isdigit()
