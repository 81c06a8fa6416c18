"""Instants and dates as they are sent: RFC 3339, always with an offset, so that none is guessed.

An instant has up to nine digits of a second, and is kept to the millisecond, truncated.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_DATE = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
# Not 24:00:00, which newer Pythons take for the next day.
_TIME = (
    "[Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?"
    "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
)
_is_instant = re.compile(_DATE + _TIME).fullmatch


def _instant(value: object) -> datetime:
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


def _date_or_instant(value: object) -> date | datetime:
    try:
        if isinstance(value, str) and re.fullmatch(_DATE, value):
            return date.fromisoformat(value)
        return _instant(value)
    except ValueError:
        raise PydanticCustomError(
            "invalid_date_or_instant",
            "must be a date such as 2026-11-30, or an instant with an offset, such as "
            "2026-11-30T09:00:00Z (in a query a + is written %2B)",
        ) from None


_as_written = PlainSerializer(lambda value: value.isoformat(), return_type=str, when_used="json")
INSTANT_SCHEMA = WithJsonSchema(
    {"type": "string", "format": "date-time", "examples": ["2026-11-22T09:00:00.123Z"]}
)
# The document has no words for two formats at once, but a pattern that tools of all languages read.
_DATE_OR_INSTANT_SCHEMA = WithJsonSchema(
    {
        "type": "string",
        "pattern": f"^{_DATE}({_TIME})?$",
        "examples": ["2026-11-30", "2026-11-30T09:00:00Z"],
    }
)
InstantParameter = Annotated[datetime, PlainValidator(_instant), _as_written, INSTANT_SCHEMA]
DateOrInstantParameter = Annotated[
    date | datetime, PlainValidator(_date_or_instant), _as_written, _DATE_OR_INSTANT_SCHEMA
]
