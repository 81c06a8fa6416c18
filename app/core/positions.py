"""Positions: strings that order siblings byte by byte, made without reading the siblings."""

import secrets
import time
from collections.abc import Iterator

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Enough for microseconds for 26,000 years; always as wide, so that bytes order as numbers do.
_WIDTH = 10
_RANDOM = 4


def _microseconds() -> Iterator[int]:
    """Microseconds since 1970, each later than the one before."""
    last = 0
    while True:
        last = max(last + 1, time.time_ns() // 1000)
        yield last


_ticks = _microseconds()


def last_position() -> str:
    """A position after all that were made before: the time, and random digits against ties."""
    ties = secrets.randbelow(len(_DIGITS) ** _RANDOM)
    return _in_digits(next(_ticks), _WIDTH) + _in_digits(ties, _RANDOM)


def _in_digits(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
