"""Positions: strings that order siblings byte by byte, made without reading what is there."""

import secrets

from app.core.clock import next_tick

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Microseconds for 26,000 years, always as wide, so that byte order is the order of time.
_WIDTH = 10
_RANDOM = 4


def last_position() -> str:
    """A position after all that were made before: the time, and randomness against ties."""
    number, digits = next_tick(), ""
    for _ in range(_WIDTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM))
