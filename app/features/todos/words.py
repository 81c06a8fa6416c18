"""Splits text into words for the search; todos and search queries are split alike.

A word is a run of letters, marks and digits; a symbol, such as an emoji, is one by itself. In
scripts without spaces between words, each character makes a word with the next one: 行く is in
どこかへ行く because 行く and く are among ど+こ, こ+か, か+へ, へ+行, 行+く and く.
Punctuation and white space separate words. No word contains a quote, a backslash, a colon or white
space, so that words joined by spaces are PostgreSQL's notation of a tsvector.
"""

import asyncio
import re
import unicodedata
from collections.abc import Iterator

from app.core.text_rules import text_key

# A longer word is cut, and found by its beginning; PostgreSQL takes 2,046 bytes.
MAX_WORD_LENGTH = 255
# Bytes of one text's words, each with a project's mark before it. A tsvector takes 1 MiB, for the
# words of title and description together.
_MAX_BYTES = 900_000
_MARK_BYTES = 9

# A longer text is split piece by piece, each of which takes up to 2 ms (where each character
# becomes 18): all of it may take 0.4 s, for which other requests cannot wait. A piece ends between
# words if possible.
_PIECE = re.compile(r".{0,255}[\s.,;:!?\u3001\u3002\uff01\uff0c\uff0e\uff1f]|(.{1,256})", re.DOTALL)

# Han, kana, Bopomofo; Thai, Lao, Myanmar, Khmer, and the scripts related to them.
_SPACELESS = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e80-\u0ecf\u0edc-\u0eff"
    "\u1000-\u103f\u104c-\u108f\u109a-\u109f\ua9e0-\ua9ef\ua9fa-\ua9fe\uaa60-\uaa7f"
    "\u1780-\u17d3\u17d7\u17dc\u17dd\u1950-\u19cf\u1a20-\u1a7f"
    "\u1b00-\u1b4f\ua980-\ua9c0\uaa00-\uaa4f\uaa80-\uaadf"
    "\u3005-\u3007\u3021-\u302f\u3031-\u3035\u3038-\u303c\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
# Invisible characters that join others or say how to draw them, but not the zero-width space.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180b-\u180f\u200c-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff"
    "\U000e0000-\U000e0fff]+"
)


def _category(wanted: str) -> str:
    """The characters of a general category, to stand in a regular expression's brackets.

    Han of the third plane are left out.
    """
    codes = (c for c in range(0x20000) if unicodedata.category(chr(c))[0] == wanted)
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in ranges)


_MARKS = _category("M")
# The range is for emojis that are newer than this Python.
_SYMBOLS = _category("S") + "\U0001f000-\U0001faff"
_WORD = re.compile(
    f"[{_SPACELESS}]+"
    # A letter or a digit of another script first, then also marks.
    f"|[^\\W_{_SPACELESS}]+(?:[{_MARKS}]+[^\\W_{_SPACELESS}]*)*"
    f"|[{_SYMBOLS}]"
)
_IS_SPACELESS = re.compile(f"[{_SPACELESS}]")


def words(text: str) -> list[str]:
    """The words of a text, folded, each once, in order of appearance."""
    return list(dict.fromkeys(_words(text)))


async def as_column(text: str) -> str:
    """The words of a text as a column of `todos` stores them; what is over the limit is left out.

    Long texts give way to other requests between pieces.
    """
    left = _MAX_BYTES
    kept: dict[str, None] = {}
    for piece in _pieces(text):
        for word in words(piece):
            if word in kept:
                continue
            left -= len(word.encode()) + _MARK_BYTES
            if left < 0:
                return " ".join(kept)
            kept[word] = None
        if len(piece) < len(text):
            await asyncio.sleep(0)
    return " ".join(kept)


def _pieces(text: str) -> Iterator[str]:
    start = 0
    while start < len(text):
        piece = _PIECE.match(text, start)
        assert piece is not None
        yield piece[0]
        # After a cut within a word the last character starts the next piece too, so that no pair of
        # characters is lost.
        start = piece.end() - (piece[1] is not None and piece.end() < len(text))


def _words(text: str) -> Iterator[str]:
    # Folding keeps the dot of İ as a mark, with which it would differ from the i that people type.
    folded = text_key(_INVISIBLE.sub("", text)).replace("i\u0307", "i")
    for run in _WORD.findall(folded):
        if _IS_SPACELESS.match(run):
            yield from (run[place : place + 2] for place in range(len(run)))
        else:
            yield run[:MAX_WORD_LENGTH]
