"""Positions: strings that order siblings byte by byte.

The first and the last are made of the time, without reading the siblings; one between two others is
the shortest text near their middle. See `docs/decisions/positions.md`.
"""

import secrets
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import count
from math import ceil, log
from uuid import UUID

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE = len(_DIGITS)
# Enough for microseconds for 26,000 years; always as wide, so that bytes order as numbers do.
_WIDTH = 10
_RANDOM = 4
# Before all times until the year 8,900.
_BEFORE_ALL_TIMES = "00"
MAX_LENGTH = 60
Siblings = Sequence[tuple[UUID, str]]
# A digit in the middle of all.
_MIDDLE = _DIGITS[_BASE // 2]


def _microseconds() -> Iterator[int]:
    """Microseconds since 1970, each later than the one before."""
    last = 0
    while True:
        last = max(last + 1, time.time_ns() // 1000)
        yield last


_ticks = _microseconds()


def last_position(after: str = "") -> str:
    """A position after all that were made before, by whatever clock, and after this one."""
    position = _in_digits(next(_ticks), _WIDTH) + _ties()
    return position if position > after else _above(after)


def first_position(before: str | None = None) -> str:
    """A position before all that were made before, by whatever clock, and before this one."""
    position = _BEFORE_ALL_TIMES + _in_digits(_BASE**_WIDTH - next(_ticks), _WIDTH) + _ties()
    if before is None or position < before:
        return position
    return position_between("", before) or position


def position_between(low: str, high: str) -> str | None:
    """A short position between two, of which the second is greater; None if there is none.

    It never ends in `0`, the least digit: nothing would fit between it and itself without that.
    """
    for index, digit in enumerate(high):
        above = _DIGITS.index(digit)
        if index >= len(low):
            if above > 1:
                return high[:index] + _DIGITS[above // 2]
            if above == 1:
                return high[:index] + _DIGITS[0] + _MIDDLE
            continue
        below = _DIGITS.index(low[index])
        if above - below > 1:
            return high[:index] + _DIGITS[(below + above) // 2]
        if above > below:
            shorter = high[: index + 1]
            return shorter if shorter != high else low[: index + 1] + _above(low[index + 1 :])
    return None


def position_among(
    below: Siblings, above: Siblings, *, all_below: bool, all_above: bool
) -> tuple[str, dict[UUID, str]]:
    """A position between siblings, and new ones for some of them, if they leave no short one.

    Each is its id and its position. `all_below` and `all_above`: no others are beyond these.
    """
    if not above:
        return last_position(below[-1][1] if below else ""), {}
    if not below:
        return first_position(above[0][1]), {}
    position = position_between(below[-1][1], above[0][1])
    if position is not None and len(position) <= MAX_LENGTH:
        return position, {}
    first, last = [""] * all_below, ["~"] * all_above
    siblings, index = [*below, *above], len(below)
    found = spread([*first, *(each for _, each in siblings), *last], index + len(first))
    if found is None:
        return position or below[-1][1] + _MIDDLE, {}
    start, positions = found[0] - len(first), found[1]
    position = positions.pop(index - start)
    changed = siblings[start : start + len(positions)]
    return position, {each: new for (each, _), new in zip(changed, positions, strict=True)}


def spread(siblings: Sequence[str], index: int) -> tuple[int, list[str]] | None:
    """New positions for some neighbours, and for another one that is put before `index`.

    These are the siblings whose positions have the same beginning, so that no others need new ones:
    with that beginning for which the fewest change, for each that can be put here afterwards. The
    answer is the index of the first of them, and their positions with the new one among them. The
    first and the last of the siblings keep theirs: what is beyond them is not known. It is None if
    these would have to change too.
    """
    runs = []
    beginnings = {
        near[:length]
        for near in siblings[max(0, index - 1) : index + 1]
        for length in range(_WIDTH, min(len(near), MAX_LENGTH) + 1)
    }
    for beginning in beginnings:
        start = bisect_left(siblings, beginning)
        end = bisect_left(siblings, beginning + "~", start)
        changed = end - start + 1
        room = MAX_LENGTH - len(beginning) - ceil(log(4 * changed, _BASE)) - 1
        if start > 0 and end < len(siblings) and room > 0:
            runs.append((changed / room, start, end, beginning))
    if not runs:
        return None
    _, start, end, beginning = min(runs)
    return start, _spread(beginning, siblings[start:end])


def _spread(beginning: str, taken: Sequence[str]) -> list[str]:
    """Positions of one length with this beginning, one more than those that are taken.

    None of them is taken: a unique index takes one row after the other.
    """
    changed = len(taken) + 1
    for width in count(1):
        step = _BASE**width // (changed + 1)
        places = (_in_digits(step * number, width) for number in range(1, changed + 1))
        positions = [beginning + place + _MIDDLE for place in places]
        # With others between them.
        if step > 3 and not {*positions} & {*taken}:
            break
    return positions


def _above(low: str) -> str:
    """A short position after this one."""
    for index, digit in enumerate(low):
        below = _DIGITS.index(digit)
        if below < _BASE - 1:
            return low[:index] + _DIGITS[(below + _BASE) // 2]
    return low + _MIDDLE


def _ties() -> str:
    """Random digits, against ties; the last one is not the least."""
    last = _DIGITS[1 + secrets.randbelow(_BASE - 1)]
    return _in_digits(secrets.randbelow(_BASE ** (_RANDOM - 1)), _RANDOM - 1) + last


def _in_digits(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, _BASE)
        digits = _DIGITS[digit] + digits
    return digits
