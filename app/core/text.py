"""Text that clients send: what is taken of it, and how it is compared."""

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

# Combining marks that may follow each other: UAX #15, section 13 ("stream-safe text format").
# Normalising puts such a run in order, which takes the square of its length.
MAX_MARKS = 30


def character_class(is_in: Callable[[str], object]) -> str:
    """The characters for which this holds, for between a regular expression's brackets.

    Of the planes that have letters, marks and symbols; Han of the third are left out.
    """
    parts: list[list[int]] = []
    for code in range(0x20000):
        if is_in(chr(code)):
            if parts and parts[-1][1] == code - 1:
                parts[-1][1] = code
            else:
                parts.append([code, code])
    return "".join(f"\\U{first:08x}-\\U{last:08x}" for first, last in parts)


# What has a combining class, and what becomes such marks alone by NFKD: three Tibetan vowels, and
# the voicing marks of half-width katakana.
_MARKS = frozenset(filter(unicodedata.combining, map(chr, range(0x20000)))) | frozenset(
    "\u0f73\u0f75\u0f81\uff9e\uff9f"
)
_TWO_MARKS = re.compile("[\u0344\u0f73\u0f75\u0f81]")  # by NFKD
# Fewer are never more than 30 by NFKD: a letter has three at most.
_FEWEST = 10
_MANY_MARKS = re.compile(rb"\x01{%d,}" % _FEWEST)

_LINE_BREAK = re.compile("[\n\v\f\r\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
# Letters, symbols and what is not assigned yet that are blank all the same: fillers, Braille's
# blank, a note without a head, blanks between hieroglyphs, and what Unicode keeps for invisible
# characters (Default_Ignorable_Code_Point).
_BLANK = re.compile(
    "[\u115f\u1160\u2065\u2800\u3164\uffa0\ufff0-\ufff8\U00013441\U00013442\U0001d159"
    "\U000e0000-\U000e0fff]"
)
# Of all that is for formatting, these signs are drawn (Prepended_Concatenation_Mark).
_DRAWN = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")


def stream_safe(text: str) -> str:
    """The text without the marks that make a run of more than 30, whatever form it is in."""
    # A long run has one of these places, so that most texts are known after a tenth of them.
    if text.isascii() or _MARKS.isdisjoint(text[::_FEWEST]):
        return text
    kept: list[str] = []
    done = 0
    for run in _MANY_MARKS.finditer(bytes(map(_MARKS.__contains__, text))):
        start, end = run.span()
        kept += text[done:start], _shortened(text[start:end], text[start - 1 : start])
        done = end
    return "".join((*kept, text[done:]))


def text_key(text: str) -> str:
    """What compares and sorts without regard to case and width: NFKC, case-folded.

    Takes linear time, of any text; of a run of marks it goes by the first 30.
    """
    folded = unicodedata.normalize("NFKC", stream_safe(text)).casefold()
    return unicodedata.normalize("NFKC", folded)


def _shortened(run: str, letter: str) -> str:
    left = MAX_MARKS
    if not letter.isascii():  # it may have marks of its own
        left -= sum(map(_is_mark, unicodedata.normalize("NFKD", letter)))
    if len(run) + len(_TWO_MARKS.findall(run)) <= left:
        return run
    kept = ""
    for mark in run:
        left -= 1 + bool(_TWO_MARKS.match(mark))
        if left < 0:
            break
        kept += mark
    return kept


def _is_mark(character: str) -> bool:
    return unicodedata.combining(character) > 0


def _is_seen(character: str) -> bool:
    if unicodedata.category(character) in {"Zs", "Zl", "Zp", "Cc", "Cf", "Mn", "Mc", "Me"}:
        return bool(_DRAWN.match(character))
    return not _BLANK.match(character)


def _refuse_unstorable(text: str) -> str:
    if "\x00" in text:
        raise PydanticCustomError("nul_character", "must not contain the NUL character")
    if stream_safe(text) != text:
        raise PydanticCustomError(
            "too_many_marks", "must not have more than 30 combining marks after each other"
        )
    return text


def _refuse_unreadable(line: str) -> str:
    if _LINE_BREAK.search(line):
        raise PydanticCustomError("line_break", "must be one line")
    if _CONTROL.search(line):
        raise PydanticCustomError("control_character", "must not contain control characters")
    if not any(map(_is_seen, line)):
        raise PydanticCustomError("invisible", "must have something to see")
    return line


class _Checked:
    """A text that is checked, and the pattern by which the document says so as far as it can."""

    def __init__(self, check: Callable[[str], str], pattern: str) -> None:
        self._check = check
        self._pattern = pattern

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self._pattern}


# These stand after the constraints of a text: what comes before a function, Pydantic cannot trim
# first. PostgreSQL cannot store NUL; all other characters of Unicode are welcome.
Storable = _Checked(_refuse_unstorable, r"^[^\x00]*$")
# After `Storable`.
OneLine = _Checked(_refuse_unreadable, r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")
