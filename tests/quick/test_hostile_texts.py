"""Texts that nobody means: how long they take, and what is always true of what is read."""

import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.text_rules import is_visible
from app.features.recurrence.repetition import Repetition
from app.features.todos.schemas import TodoCreate
from tests.quick.phrases import TIMEZONE
from tests.quick.reading import ALL, read

HOSTILE = [
    "every ", "every mon, ", "every mon until ", "every 1st and ", "every day starting ",
    "every feb 29 at 9 ", "every 999 years on feb 29 ", "every day until ", "on ", "due on the ",
    "in 1 ", "at 1 ", "1 ", "31st ", "5 a.m ", "jan 5 ", "jan 5 to ", "may ", "tomorrow ", "the ",
    "next ", "monday ", '"', '" ', "“ ", '#"a ', "# ", "#a ", "@a ", "!high ", "(", "((a ", "1/1/",
    "12:", "5.", "a\u0301", "\u200b ", "\U0001d7d9 ", "\u00b2 ", "\u0661 ", "tomorrow sun ",
    "tomorrow weekly report ", "tomorrow week 3 report ", "at 9 in the evening ", "in the ",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_500_hostile_characters_take_less_than_5_ms(piece: str) -> None:
    text = ("x " + piece * 500)[:500]
    took = []
    for _ in range(10):
        begin = time.thread_time()
        read(text)
        took.append(time.thread_time() - begin)
    assert min(took) < 0.005


@pytest.mark.parametrize("piece", HOSTILE)
def test_twenty_times_the_text_takes_twenty_times_as_long(piece: str) -> None:
    def took(length: int) -> float:
        text = ("x " + piece * length)[:length]
        times = []
        for _ in range(3):
            begin = time.thread_time()
            read(text)
            times.append(time.thread_time() - begin)
        return min(times)

    # With the square of the length it would be 400 times.
    assert took(20_000) < max(took(1000), 0.0005) * 100


RULES = (
    [
        "every",
        "each",
        "every!",
        "ev",
        "daily",
        "yearly",
        "every other",
        "the first friday of every",
    ],
    [
        "2",
        "999",
        "day",
        "month",
        "years",
        "hours",
        "jan",
        "feb 29",
        "weekday",
        "5th friday",
        "month",
    ],
    ["on the 31st", "on feb 29", "on the last day", "on the fourth sunday in february", "at 9", ""],
    ["days", "months", "at 5pm", "until dec 31 2099", "until tomorrow", "for 2 times", ""],
    ["starting feb 29", "starting 2099-12-31", "until 2026-03-12", "tomorrow", "at 23:59", ""],
)
PIECES = st.sampled_from(
    [*HOSTILE, *(phrase.text for phrase in ALL), "every! ", "@3pm ", "!low ", "#work ", "\t", "-"]
)


SOME_RULE = st.tuples(*map(st.sampled_from, RULES)).map(" ".join)


@given(st.lists(PIECES | SOME_RULE | st.text(max_size=5), max_size=12).map(" ".join))
def test_any_text_keeps_a_title_and_says_where_all_else_stands(text: str) -> None:
    found = read(text)
    assert is_visible(found.title) or not is_visible(text)
    end = 0
    for part in found.parts:
        assert end <= part.start < part.end <= len(text)
        assert text[part.start : part.end] == text[part.start : part.end].strip()
        end = part.end
    fields = {part.field for part in found.parts}
    assert (found.due is not None) == bool(fields & {"due", "recurrence"})
    assert (found.rrule is not None) == ("recurrence" in fields)
    assert (found.project_id is not None) == ("project_id" in fields)
    assert bool(found.labels) == ("labels" in fields)
    if found.rrule is not None and found.due is not None:
        # Todos take it.
        repeat_from = "completion" if found.after_completion else "due"
        recurrence = {"rrule": found.rrule, "repeat_from": repeat_from}
        has_time = isinstance(found.due, datetime)
        form = {"datetime": found.due, "timezone": TIMEZONE} if has_time else {"date": found.due}
        todo = TodoCreate.model_validate({"title": "a", "due": form, "recurrence": recurrence})
        Repetition().with_fields({"due": todo.due, "recurrence": todo.recurrence})
