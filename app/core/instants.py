"""Instants and dates as they are sent: RFC 3339, always with an offset, so that none is guessed.

An instant has up to nine digits of a second, and is kept to the millisecond, truncated.
"""

import re
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

_DATE = r"\d{4}-\d{2}-\d{2}"
# Not 24:00:00, which newer Pythons take for the next day.
_TIME = r"[Tt](?!24)\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:[0-5]\d)"
_is_date = re.compile(_DATE, re.ASCII).fullmatch
_is_instant = re.compile(_DATE + _TIME, re.ASCII).fullmatch


def _instant(value: object) -> datetime:
    """An instant in UTC. Raises `ValueError`."""
    if not isinstance(value, str) or not _is_instant(value):
        raise ValueError
    instant = datetime.fromisoformat(value.upper())
    instant = instant.replace(microsecond=instant.microsecond // 1000 * 1000)
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        raise ValueError from None


def _parse_instant(value: object) -> datetime:
    try:
        return _instant(value)
    except ValueError:
        raise PydanticCustomError(
            "invalid_instant",
            "must be an instant with an offset, such as 2026-11-30T09:00:00Z (in a query a + is "
            "written %2B)",
        ) from None


def _parse_date_or_instant(value: object) -> date | datetime:
    try:
        if isinstance(value, str) and _is_date(value):
            return date.fromisoformat(value)
        return _instant(value)
    except ValueError:
        raise PydanticCustomError(
            "invalid_date_or_instant",
            "must be a date such as 2026-11-30, or an instant with an offset, such as "
            "2026-11-30T09:00:00Z (in a query a + is written %2B)",
        ) from None


_as_written = PlainSerializer(lambda value: value.isoformat(), return_type=str, when_used="json")

InstantParameter = Annotated[
    datetime,
    PlainValidator(_parse_instant),
    _as_written,
    WithJsonSchema(
        {"type": "string", "format": "date-time", "examples": ["2026-11-22T09:00:00.123Z"]}
    ),
]
# For the document, which has no words for two formats at once, as tools of all languages read it.
_DATE_OR_INSTANT = (
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "([Tt]([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?"
    "([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9]))?$"
)
DateOrInstantParameter = Annotated[
    date | datetime,
    PlainValidator(_parse_date_or_instant),
    _as_written,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": _DATE_OR_INSTANT,
            "examples": ["2026-11-30", "2026-11-30T09:00:00Z"],
        }
    ),
]
