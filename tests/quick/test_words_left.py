"""Words of time that are not read: then nothing is, unless they say no other day, time or limit.

Now is Wednesday, 11 March 2026, 10:30, as in `phrases.txt`.
"""

from pathlib import Path

import pytest

from tests.quick.reading import values

LINES = Path(__file__).with_name("words_left.txt").read_text("utf-8").splitlines()
# The text, and after => what is understood: title, due, rule.
ROWS = [line.split(" => ") for line in LINES if line and not line.startswith("##")]
LEFT = [row[0] for row in ROWS if len(row) == 1]
READ = [(row[0], row[1].split(" | ")) for row in ROWS if len(row) == 2]


@pytest.mark.parametrize("text", LEFT)
def test_all_is_left_in_the_title(text: str) -> None:
    assert values(text) == {"title": text}


@pytest.mark.parametrize(("text", "expected"), READ, ids=[text for text, _ in READ])
def test_it_is_read_right(text: str, expected: list[str]) -> None:
    fields = zip(("title", "due", "recurrence"), expected, strict=False)
    assert values(text) == dict(fields)


def test_mentions_count_all_the_same() -> None:
    assert values("gym fridays at 7pm #work @sport !high") == {
        "title": "gym fridays at 7pm",
        "project": "Work",
        "labels": "sport",
        "priority": "high",
    }


def test_words_of_mentions_and_in_quotes_are_not_counted() -> None:
    assert values('gym tomorrow @weekly "every friday"') == {
        "title": 'gym "every friday"',
        "due": "2026-03-12",
        "labels": "weekly",
    }


def test_the_rows_are_of_both_kinds_and_stand_once() -> None:
    assert len(LEFT) > 100
    assert len(READ) > 100
    assert len({row[0] for row in ROWS}) == len(ROWS)
