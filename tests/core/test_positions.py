"""Positions: any order can be made, by short strings, and few siblings change with a move."""

import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import positions
from app.core.positions import (
    MAX_LENGTH,
    first_position,
    last_position,
    position_between,
    spread,
)

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
texts = st.text(alphabet=DIGITS, min_size=1, max_size=20)


def test_each_last_is_after_and_each_first_before_all_others() -> None:
    made = [last_position()]
    for _ in range(1_000):
        made = [first_position(), *made, last_position()]
    assert made == sorted(made)
    assert {len(position) for position in made} <= {14, 16}
    assert not [position for position in made if position.endswith("0")]


@pytest.mark.parametrize("other", ["zzzz", "09zzzzzzzzzzzzzzzz", "z"])
def test_another_clock_that_is_ahead_is_passed_all_the_same(other: str) -> None:
    assert last_position(other) > other


@pytest.mark.parametrize("other", ["0000000000001", "01", "001", "00000001V"])
def test_so_is_one_that_is_ahead_when_the_first_was_made(other: str) -> None:
    assert first_position(other) < other


@given(texts, texts)
def test_between_two_there_is_one_or_nothing_fits(one: str, other: str) -> None:
    low, high = sorted((one, other))
    middle = position_between(low, high)
    if middle is None:
        # Only a text itself, and with the least digit after it.
        assert low == high or not high[len(low) :].strip("0")
        return
    assert low < middle < high
    assert not middle.endswith("0")
    assert len(middle) <= max(len(low), len(high)) + 1


@given(texts.filter(lambda text: text.strip("0") != ""))
def test_before_and_after_any_there_is_another(text: str) -> None:
    assert "" < first_position(text) < text < last_position(text)
    before = position_between("", text)
    assert before is not None
    assert "" < before < text


class Siblings:
    """A list in memory, and the positions that are to order it."""

    def __init__(self, size: int) -> None:
        self.order = list(range(size))
        self.positions = [last_position() for _ in range(size)]
        self.changed = 0

    def move(self, index: int, to: int) -> None:
        """Take one out, and put it before the one that is then there."""
        one, _ = self.order.pop(index), self.positions.pop(index)
        low, high = self.positions[to - 1 : to + 1]
        position = position_between(low, high)
        self.changed += 1
        if position is None or len(position) > MAX_LENGTH:
            found = spread(["", *self.positions, "~"], to + 1)
            assert found is not None
            start, new = found
            start -= 1
            # As a unique index wants it, which is checked row by row.
            assert not set(new) & set(self.positions)
            self.positions[start : start + len(new) - 1] = new
            self.changed += len(new) - 1
        else:
            self.positions.insert(to, position)
        self.order.insert(to, one)


Spot = Callable[[int, int], int]


SPOTS: dict[str, Spot] = {
    "after": lambda _, at: at + 1,
    "before": lambda _, at: at,
    "both": lambda turn, at: at + turn % 2,
}


@pytest.mark.parametrize(
    ("spot", "taken", "moves"),
    [
        ("after", "the last", 100_000),
        *((spot, taken, 5_000) for spot in SPOTS for taken in ("the last", "any")),
    ],
)
def test_100_000_moves_to_one_spot_change_few_of_1_000_siblings(
    spot: str, taken: str, moves: int
) -> None:
    chance = random.Random(1)
    siblings = Siblings(1_000)
    anchor = siblings.order[500]
    longest = 0
    for turn in range(moves):
        index = 999 if taken == "the last" else chance.randrange(1_000)
        if siblings.order[index] == anchor:
            index = 998
        at = siblings.order.index(anchor)
        at -= index < at
        siblings.move(index, min(max(SPOTS[spot](turn, at), 1), 998))
        if turn % 1_000 == 0:
            assert siblings.positions == sorted(siblings.positions)
        longest = max(longest, *(map(len, siblings.positions[max(0, at - 1) : at + 3])))
    assert longest < 64
    assert siblings.changed <= 4 * moves


@given(st.lists(texts, min_size=3, max_size=300, unique=True), st.data())
def test_a_spread_keeps_the_order_and_takes_nothing_that_is_taken(
    others: list[str], data: st.DataObject
) -> None:
    others = sorted(f"{'0' * 10}{text}" for text in others)
    index = data.draw(st.integers(1, len(others) - 1))
    found = spread(["/", *others, "~"], index + 1)
    assert found is not None
    start, new = found
    start -= 1
    assert start <= index <= start + len(new) - 1
    after = [*others[:start], *new, *others[start + len(new) - 1 :]]
    assert after == sorted(set(after))
    assert not set(new) & set(others)


def test_what_reaches_to_unknown_siblings_is_not_spread() -> None:
    near = [f"08aaaaaaaa{digit}" for digit in ("1", "2" * 49, "2" * 48 + "3", "3")]
    assert spread(near, 2) is not None
    assert spread(near[1:3], 1) is None


def test_the_test_knows_the_digits() -> None:
    assert positions._DIGITS == DIGITS
