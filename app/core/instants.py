"""Instants as they are sent: RFC 3339, always with an offset, so that none is guessed.

An instant has up to nine digits of a second, and is kept to the millisecond, truncated.
"""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

# Patterns that the tools of all languages read. No 24:00:00, which newer Pythons take for the next
# day.
DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
CLOCK = "([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
TIME = f"[Tt]{CLOCK}([.][0-9]{{1,9}})?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"

_is_instant = re.compile(DATE + TIME).fullmatch


def parse_instant(value: object) -> datetime:
    """An instant in UTC. Raises `PydanticCustomError`, which is a `ValueError`."""
    try:
        if isinstance(value, str) and _is_instant(value):
            instant = datetime.fromisoformat(value.upper())
            instant = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
            return instant.astimezone(UTC)
    except (OverflowError, ValueError):
        pass
    raise PydanticCustomError(
        "invalid_instant",
        "must be an instant with an offset, such as 2026-11-30T09:00:00Z (in a query a + is "
        "written %2B)",
    )


as_written = PlainSerializer(lambda value: value.isoformat(), return_type=str, when_used="json")
INSTANT_SCHEMA = WithJsonSchema(
    {"type": "string", "format": "date-time", "examples": ["2026-11-22T09:00:00.123Z"]}
)
InstantParameter = Annotated[datetime, PlainValidator(parse_instant), as_written, INSTANT_SCHEMA]
