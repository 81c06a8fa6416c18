"""Text: which is taken, what it costs, and how it is compared."""

import time
import unicodedata
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.core.text_rules import MAX_MARKS, Storable, stream_safe, text_key
from app.features.todos.schemas import Title

# Marks of each kind: plain, two in one, without a class of its own, of the second plane; letters
# with marks of their own; what parts a run, but is not seen.
_MARKS = "\u0301\u0323\u0345\u0344\u0f73\u0f75\u0f81\uff9e\uff9f\u3099\U0001d165\U0001e944"
_OTHERS = "ae\u00e9\u1f82\ufdfa\u30ac\u034f\u200d\u00ad\uac00 \n"
_RUNS = st.lists(
    st.one_of(
        st.text(_MARKS, min_size=25, max_size=40),
        st.builds(str.__mul__, st.sampled_from(_MARKS), st.integers(1, 40)),
        st.text(_OTHERS, max_size=3),
    ),
    max_size=6,
).map("".join)

_TEXT = Annotated[str, Storable]


def _longest_run(text: str) -> int:
    """Of characters that are nothing but marks by NFKD."""
    longest = run = 0
    for character in text:
        decomposed = unicodedata.normalize("NFKD", character)
        run = run + 1 if all(map(unicodedata.combining, decomposed)) else 0
        longest = max(longest, run)
    return longest


def _codes(kind: Any, text: str) -> list[str]:
    try:
        TypeAdapter(kind).validate_python(text)
    except ValidationError as error:
        return [problem["type"] for problem in error.errors()]
    return []


@given(_RUNS)
def test_a_text_is_taken_if_it_has_no_long_run(text: str) -> None:
    codes = ["too_many_marks"] if _longest_run(text) > MAX_MARKS else []
    assert _codes(_TEXT, text) == codes


@given(_RUNS)
def test_what_is_too_much_of_a_run_is_left_out_and_nothing_else(text: str) -> None:
    safe = stream_safe(text)
    assert _longest_run(safe) == min(_longest_run(text), MAX_MARKS)
    assert _longest_run(text) > MAX_MARKS or safe == text
    assert stream_safe(safe) == safe


@given(_RUNS)
def test_a_key_is_its_own_key(text: str) -> None:
    key = text_key(text)
    # A mark may be two in one, such as U+0344, and a letter have some of its own.
    assert _longest_run(key) <= 2 * MAX_MARKS + 3
    if _longest_run(key) <= MAX_MARKS:
        assert text_key(key) == key


@pytest.mark.parametrize("text", ["\u0301\u0323" * 25_000, "a" + "\u0f73\u0344\u3099" * 16_000])
def test_no_run_takes_the_square_of_its_length(text: str) -> None:
    began = time.thread_time()
    text_key(text)
    assert _codes(_TEXT, text) == ["too_many_marks"]
    # By far: it was 4 s.
    assert time.thread_time() - began < 0.4


_REFUSED = {
    "line_break": ["a\nb", "a\r\nb", "a\vb", "a\fb", "a\x85b", "a\u2028b", "a\u2029b"],
    "control_character": ["a\tb", "\x1ba", "a\x7f", "a\x9fb", "\x1c", "b\x1f"],
    "nul_character": ["a\0b", "\0"],
    "invisible": [
        *("\u200b", "\u2060", "\ufeff", "\u00ad", "\u3164", "\u115f", "\u1160", "\uffa0"),
        *("\u2800", "\ufe0f", "\U000e0100", "\U000e0041", "\u034f", "\u061c", "\u180e", "\u17b4"),
        *("\u202e\u202c", "\U0001d173"),
        *("\u0301", "\u20dd", "\u0903", "\u200b \u200b", "\u2800 \u3164\u200d\ufe0f"),
    ],
    "string_too_short": ["", " ", "\n", "\u3000\u2003\u1680\u00a0", "\u2028"],
    "too_many_marks": ["e" + "\u0301" * 31, "\u00e9" + "\u0323" * 31, "\u0344" * 31],
}
_TAKEN = [
    *("a", "\n a\u2028", "\u200ba", "a\u0301", "\ufeff\u4e2d", "\u202eabc\u202c", "!", "\u00b4"),
    *("\u2764\ufe0f", "\U0001f468\u200d\U0001f469", "\ue000", "\U0001fae9", "e" + "\u0344" * 30),
    *("\u0e33", "\u1100", "\u309b", "\U00100000", "e" + "\u0301" * 30, "\u00a0a"),
    "e" + ("\u0301" * 30 + "\u034f") * 3,
]


@pytest.mark.parametrize(
    ("code", "title"), [(code, title) for code, titles in _REFUSED.items() for title in titles]
)
def test_a_title_is_one_line_and_can_be_seen(code: str, title: str) -> None:
    assert _codes(Title, title) == [code]


@pytest.mark.parametrize("title", _TAKEN, ids=ascii)
def test_any_other_title_is_taken(title: str) -> None:
    assert _codes(Title, title) == []


@given(st.text(min_size=1, max_size=40))
def test_what_is_taken_has_no_line_break_and_no_control_character(title: str) -> None:
    if not _codes(Title, title):
        taken = TypeAdapter(Title).validate_python(title)
        assert len(taken.splitlines()) == 1
        assert not any(unicodedata.category(character) == "Cc" for character in taken)
