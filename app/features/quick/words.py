"""The words of a text, each with its place in it, and a cursor that reads them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


def listed(words: str) -> frozenset[str]:
    """The words of a list that has spaces between them."""
    return frozenset(words.split())


_BEFORE = "([{"
_AFTER = ".,;:!?)]}"
_QUOTES = {'"': '"', "“": "”"}
_SIGILS = "#@!"
_ENDS = frozenset(".,;:!?)")
# Before these a clause may end.
_CLAUSES = listed(
    "about with for at in because if when unless every each ev until till from starting"
)
# Between the words of one expression there is no more than this.
_WITHIN = ("", ",", ".")


@dataclass(frozen=True, slots=True)
class Word:
    """A word without the punctuation around it, from `start` to `end` in characters of the text.

    `key` is what it is compared by; of quoted words it is empty. A mention, as `#garden`, has its
    `sigil`, and the `names` that may be meant.
    """

    text: str
    start: int
    end: int
    before: str = ""
    after: str = ""
    key: str = ""
    sigil: str = ""
    names: tuple[str, ...] = ()

    @property
    def is_capitalised(self) -> bool:
        """Whether it is written like a name: not like THIS, and not like this."""
        return self.text[:1].isupper() and self.text[1:].islower()


def split(text: str) -> list[Word]:
    """The words of a text, in linear time."""
    words: list[Word] = []
    place, quotes = 0, dict.fromkeys(_QUOTES, True)
    while place < len(text):
        if text[place].isspace():
            place += 1
            continue
        start, quoted = place, -1
        while place < len(text) and not text[place].isspace():
            closing = -1
            if quotes.get(text[place]):
                closing = text.find(_QUOTES[text[place]], place + 1)
                # Looked for in vain once, it is in vain from here on.
                quotes[text[place]] = closing >= 0
            if closing >= 0:
                quoted = place if quoted < 0 else quoted
                place = closing
            place += 1
        words.append(_word(text[start:place], start, quoted - start if quoted >= 0 else None))
    return words


def _word(chunk: str, start: int, quoted: int | None) -> Word:
    """What stands between white space, with the place of its first quote."""
    bare = chunk.lstrip(_BEFORE) or chunk
    before = chunk[: len(chunk) - len(bare)]
    bare = bare.rstrip(_AFTER) or bare
    after = chunk[len(before) + len(bare) :]
    begin = start + len(before)
    key = bare.lower() if quoted is None else ""
    sigil, names = _mention(bare, None if quoted is None else quoted - len(before))
    return Word(bare, begin, begin + len(bare), before, after, key, sigil, names)


def _mention(bare: str, quoted: int | None) -> tuple[str, tuple[str, ...]]:
    """The sigil and the names of a mention; empty for other words."""
    if bare[0] not in _SIGILS or len(bare) == 1:
        return "", ()
    if quoted is None:
        return bare[0], (bare[1:],)
    is_whole = quoted == 1 and bare.find(_QUOTES[bare[1]], 2) == len(bare) - 1
    name = bare[2:-1].strip()
    return (bare[0], (name,)) if is_whole and name else ("", ())


class Cursor:
    """Reads one expression, word by word, from a place on."""

    def __init__(self, words: list[Word], place: int) -> None:
        self.words = words
        self.start = self.place = place

    @property
    def key(self) -> str:
        """The next word's key; empty where the expression cannot go on."""
        if self.place >= len(self.words):
            return ""
        word = self.words[self.place]
        if self.place > self.start:
            last = self.words[self.place - 1]
            is_done = last.after == "!" and last.key in ("every", "ev")
            if word.before or not (last.after in _WITHIN or is_done):
                return ""
        return word.key

    @property
    def following(self) -> str:
        """The key of the word after the next."""
        return self.words[self.place + 1].key if self.place + 1 < len(self.words) else ""

    def take(self, *keys: str) -> str:
        """Go past the next word if it is one of these; returns it."""
        key = self.key
        if not key or key not in keys:
            return ""
        self.place += 1
        return key

    def take_small(self, *keys: str) -> str:
        """As `take`, but not what is capitalised within a sentence, as in the title of a book."""
        if self.key and self.words[self.place].is_capitalised and not self._begins_sentence():
            return ""
        return self.take(*keys)

    def lookup(self, table: Mapping[str, T]) -> T | None:
        """Go past the next word if the table has it; returns what it means there."""
        value = table.get(self.key)
        if value is not None:
            self.place += 1
        return value

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Go past the next word if all of it is of this form."""
        found = pattern.fullmatch(self.key) if self.key else None
        if found is not None:
            self.place += 1
        return found

    def first(self, *readers: Callable[["Cursor"], T | None]) -> T | None:
        """What the first of these finds that finds something; it stays here if none does."""
        place = self.place
        for read in readers:
            value = read(self)
            if value is not None:
                return value
            self.place = place
        return None

    def ends_clause(self, *, may_go_on: bool = True) -> bool:
        """Whether a clause ends before the next word; the sentence may go on after it."""
        if self.place >= len(self.words):
            return True
        last, following = self.words[self.place - 1], self.words[self.place]
        if not _ENDS.isdisjoint(last.after) or following.before or following.sigil:
            return True
        return may_go_on and following.key in _CLAUSES

    def _begins_sentence(self) -> bool:
        return self.place == 0 or self.words[self.place - 1].after[-1:] in (".", "!", "?", ":")
