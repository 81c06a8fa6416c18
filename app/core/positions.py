"""Positions: strings that order siblings byte by byte, made without reading what is there."""

import secrets
import threading
import time

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Microseconds for 26,000 years, always as wide, so that byte order is the order of time.
_WIDTH = 10
_RANDOM = 4


class _Ticks:
    """Microseconds since 1970, each later than the one before in this process."""

    def __init__(self) -> None:
        self._last = 0
        self._lock = threading.Lock()

    def next(self) -> int:
        with self._lock:
            self._last = max(self._last + 1, time.time_ns() // 1000)
            return self._last


_ticks = _Ticks()


def last_position() -> str:
    """A position after all that were made before: the time, and randomness against ties."""
    ties = secrets.randbelow(len(_DIGITS) ** _RANDOM)
    return _written(_ticks.next(), _WIDTH) + _written(ties, _RANDOM)


def _written(number: int, width: int) -> str:
    digits = ""
    for _ in range(width):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
