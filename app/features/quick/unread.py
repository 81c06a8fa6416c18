"""The words that were not read: whether they speak of days, times, repetition or limits.

What such a word says may change what the others say, and so nothing is understood beside it.
"""

import re
from dataclasses import dataclass

from app.features.quick.times import ZONES
from app.features.quick.vocabulary import (
    MONTHS,
    NUMBERS,
    ORDINALS,
    PARTS_OF_DAY,
    SMALL,
    UNITS,
    WEEKDAYS,
    is_ordinal,
)
from app.features.quick.words import Word, listed

# Those that are also other words and names speak of days only beside what does.
_FAINT = listed("sat sun wed jan mar march april may june august spring fall").union(ORDINALS)
_PLURALS = {f"{name}s" for name in (*WEEKDAYS, *PARTS_OF_DAY)} - {"thus"}
_PLAIN = (
    listed(
        "today tonight tonite tomorrow tmr tmrw tmw tomorow tommorow tommorrow yesterday someday "
        "eow eom eoy everyday weekdays weekends workdays weeknight weeknights ago repeat repeats "
        "repeating recurring"
    ).union(WEEKDAYS, MONTHS, _PLURALS)
    - _FAINT
)
_DAYS = _PLAIN | _FAINT
_OF_CLOCKS = listed("noon midday midnight dawn dusk sunrise sunset overnight").union(PARTS_OF_DAY)
# The weekly report, the evening dress: these also say of which kind the next word is.
_ATTRIBUTES = listed(
    "every ev each once twice thrice hourly daily nightly weekly biweekly fortnightly monthly "
    "bimonthly quarterly yearly annually biannually weekday workday weekend midweek fortnight "
    "fortnights quarter quarters summer autumn winter q1 q2 q3 q4 easter christmas halloween "
    "thanksgiving"
).union(UNITS, _OF_CLOCKS)
_SINGULAR = listed("minute min hour hr day week month year")
_DURATIONS = listed("minute minutes min mins hour hours hr hrs")
# What may limit a rule, or multiply it.
_LIMITS = listed(
    "until till except excluding but not unless while during skip skipping "
    "starting beginning ending end other without minus alternating"
)
_BEFORE_DAYS = listed(
    "in on by of this next last each until till from since through thru between during before after"
)
_FUNCTIONS = SMALL.union(
    _BEFORE_DAYS,
    listed(
        "at @ due if when because unless so then ago later earlier ahead prior off "
        "alternate odd even single"
    ),
)
_BEFORE_CLOCKS = listed("at @ on the by from around about before after between until till past")
_AFTER_NUMBERS = listed("am pm times")
_ARTICLES = listed("a an the my your our")
_JOINTS = listed("and or & - \u2013")
_LINKED = re.compile("[-/+&\u2013\u2014]")
_CLOCK = re.compile(r"[0-9]{1,2}(?:[:.][0-9]{2})?[ap]\.?m\b.*")
_DATE = re.compile(
    "[0-9]{1,2}/[0-9]{1,2}(?:/[0-9]{2,4})?|[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}.*"
    "|(?:19|20)[0-9]{6}|[+]?[0-9]{1,3}[dwy]|[0-9]{1,2}[-.][0-9]{1,2}[-.][0-9]{2,4}"
)
_UNCLEAR = re.compile("[0-9]{1,2}(:[0-9]{2})?(ish|h|-[0-9]{1,2})?")
_TIMES = re.compile("[0-9]+x")
_MINUTES = re.compile("[0-9]+:")
_OF_DIGITS = re.compile("[0-9]+[-/.][0-9].*")
_YEAR = re.compile("(?:19|20)[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Unread:
    """The words of a text but those that were `read`, which say a day, a rule, or a time."""

    words: list[Word]
    read: frozenset[int]
    has_day: bool
    has_rule: bool
    has_clock: bool

    def speak_of_time(self) -> bool:
        """Whether one of them does."""
        return any(
            word.key and not word.sigil and n not in self.read and self._speaks(n)
            for n, word in enumerate(self.words)
        )

    def _speaks(self, n: int) -> bool:
        key, before = self._key(n), self._key(n - 1)
        pieces = _LINKED.split(key)
        if key in _AFTER_NUMBERS:
            return before.isdigit() or before in NUMBERS or before in ("in", "the")
        if key in NUMBERS or _UNCLEAR.fullmatch(key):
            # A time that has two readings says no other day.
            is_clock = _MINUTES.match(key) or (before in _BEFORE_CLOCKS and not self._goes_on(n))
            return bool(is_clock) and (self.has_clock or not self.has_day)
        if _YEAR.fullmatch(key):
            return before in _BEFORE_DAYS or (n - 1 in self.read and not self._goes_on(n))
        if key in _FAINT:
            return self._is_beside_days(n) and not self._is_attribute(n)
        if (
            any(piece in _ATTRIBUTES or piece in ORDINALS for piece in pieces)
            or any(form.fullmatch(key) for form in (_CLOCK, _DATE))
            or is_ordinal(key)
        ):
            return not (self._is_duration(n) or self._is_attribute(n))
        return (
            (self.has_rule and (key in _LIMITS or _TIMES.fullmatch(key) is not None))
            or ((self.has_clock or self.has_rule) and key in ("past", "o'clock", "oclock"))
            or (not self.has_day and _OF_DIGITS.fullmatch(key) is not None)
            or (len(pieces) > 1 and all(_is_of_time(piece) for piece in pieces))
            or any(piece in _PLAIN for piece in pieces)
        )

    def _key(self, n: int) -> str:
        key = self.words[n].key if 0 <= n < len(self.words) else ""
        return key.removesuffix("'s").removesuffix("\u2019s")

    def _is_plain(self, n: int) -> bool:
        """Whether a word has nothing to do with time."""
        key = self._key(n)
        if n in self.read or not key[:1].isalpha():
            return False
        is_zone = _LINKED.split(key)[0] in ZONES
        return not (is_zone or key in _FUNCTIONS or _is_of_time(key))

    def _goes_on(self, n: int) -> bool:
        """Whether such a word follows."""
        following = self.words[n + 1 : n + 2]
        is_one = not self.words[n].after and self._is_plain(n + 1)
        return is_one and not following[0].before

    def _is_attribute(self, n: int) -> bool:
        """Whether it says of which kind the next word is, and the day is said elsewhere."""
        key, before = self._key(n), self._key(n - 1)
        is_clock = key in _OF_CLOCKS or _CLOCK.fullmatch(key)
        if not self.has_day or n - 1 in self.read or (is_clock and self.has_clock):
            return False
        is_counted = key in UNITS and self._key(n + 1).isdigit() and not self.words[n].after
        if not self._goes_on(n + is_counted):
            return False
        if before in _ARTICLES:
            return n - 2 not in self.read and key not in UNITS
        if before.isdigit() or before in NUMBERS:
            return key in _SINGULAR and before not in ("1", "one")
        return n == 0 or bool(self.words[n - 1].after) or self._is_plain(n - 1)

    def _is_duration(self, n: int) -> bool:
        """Whether it is how long something takes: 2 hours."""
        count, following = self._key(n - 1), self._key(n + 1)
        return (
            self._key(n) in _DURATIONS
            and (count.isdigit() or count in NUMBERS)
            and self._key(n - 2) not in ("in", "within", "every", "ev", "each")
            and following not in _FUNCTIONS
        )

    def _is_beside_days(self, n: int) -> bool:
        """Whether the words around it are of days too."""
        before, after = self._key(n - 1), self._key(n + 1)
        last = self._key(n - 2) if before in _JOINTS else before
        following = self._key(n + 2) if after in _JOINTS else after
        is_read = n - 1 in self.read or n + 1 in self.read
        if before in _BEFORE_DAYS or last in _DAYS or following in _FAINT:
            return True
        if before in _JOINTS and n - 2 in self.read:
            return True
        if self._key(n) in WEEKDAYS and (is_read or after in MONTHS or self.has_rule):
            return before not in _ARTICLES
        if before == "the" and (self._key(n - 2) in _BEFORE_DAYS or self._key(n) in ORDINALS):
            return self._key(n) not in WEEKDAYS
        if self.has_rule and before == "to":
            return True
        is_number = last[:1].isdigit() or following[:1].isdigit()
        return is_number or (after in _JOINTS and following in _PLAIN)


def _is_of_time(key: str) -> bool:
    return key in _DAYS or key in _ATTRIBUTES or is_ordinal(key)
