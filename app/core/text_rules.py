"""Text that clients send: which is accepted, and how it is compared."""

import re
import unicodedata
from dataclasses import dataclass

from pydantic import AfterValidator, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

# Normalising takes the square of the length of a run of combining marks (UAX #15, section 13).
MAX_MARKS = 30
# Those with a combining class, and those that become such marks by NFKD: three Tibetan vowels, and
# the voicing marks of half-width katakana.
_MARKS = frozenset(filter(unicodedata.combining, map(chr, range(0x20000)))) | frozenset(
    "\u0f73\u0f75\u0f81\uff9e\uff9f"
)
_LINE_BREAK = re.compile("[\n\v\f\r\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
# Letters and symbols that are blank, and what Unicode keeps for more invisible characters: Hangul
# fillers, the Braille pattern without dots, and the unassigned that are to be ignored.
_BLANK = frozenset("\u115f\u1160\u2065\u2800\u3164\uffa0") | {*map(chr, range(0xFFF0, 0xFFF9))}


def stream_safe(text: str) -> str:
    """The text without the marks of each run that are beyond the 30th."""
    # A longer run has a mark at one of these places, which most texts have not.
    if text.isascii() or _MARKS.isdisjoint(text[:: MAX_MARKS + 1]):
        return text
    kept: list[str] = []
    run = begin = 0
    for place, character in enumerate(text):
        run = run + 1 if character in _MARKS else 0
        if run > MAX_MARKS:
            kept.append(text[begin:place])
            begin = place + 1
    return "".join((*kept, text[begin:])) if kept else text


def text_key(text: str) -> str:
    """What compares and sorts regardless of case and width: NFKC, case-folded.

    Takes linear time, of any text.
    """
    folded = unicodedata.normalize("NFKC", stream_safe(text)).casefold()
    return unicodedata.normalize("NFKC", folded)


def is_visible(text: str) -> bool:
    """Whether there is something to see."""
    return any(map(_is_seen, text))


def _is_seen(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] not in "ZM" and category not in {"Cc", "Cf"} and character not in _BLANK


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
    return _refuse_invisible(line)


def _refuse_invisible(text: str) -> str:
    if not is_visible(text):
        raise PydanticCustomError("invisible", "must have something to see")
    return text


@dataclass(frozen=True)
class _Checked(AfterValidator):
    """A check, and the pattern that says as much of it as the OpenAPI document can."""

    pattern: str

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": self.pattern}


# After a text's constraints: Pydantic cannot strip white space before a function that stands first.
# PostgreSQL cannot store NUL.
Storable = _Checked(_refuse_unstorable, r"^[^\x00]*$")
# After `Storable`.
OneLine = _Checked(_refuse_unreadable, r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029]*$")
# After `Storable`, of a text that may have several lines.
Visible = _Checked(_refuse_invisible, r"^[^\x00]*[^\x00-\x20][^\x00]*$")
