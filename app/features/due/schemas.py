"""When a todo is due: on a day, at a floating time, or at a time in a zone."""

import datetime as dt
import re
from contextlib import suppress
from datetime import date, datetime, time
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError
from typing_extensions import TypeAliasType

from app.core.instants import CLOCK, DATE, TIME, as_written, parse_instant
from app.core.schemas import UNION_TAG, Input
from app.core.timezones import TimeZone, instant_of, rules

_DATETIME = f"{DATE}T{CLOCK}"


def _parse_date(value: object) -> date:
    if isinstance(value, date):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(DATE, value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("invalid_date", "must be a date such as 2026-11-30")


def _parse_datetime(value: object) -> object:
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str) and re.fullmatch(_DATETIME, value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError(
        "invalid_datetime",
        "must be a date and time such as 2026-11-30T09:00:00, with no offset",
    )


LocalDate = Annotated[date, BeforeValidator(_parse_date)]
LocalDateTime = Annotated[
    datetime,
    BeforeValidator(_parse_datetime),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{_DATETIME}$",
            "examples": ["2026-11-30T09:00:00"],
        }
    ),
]


def _parse_date_or_instant(value: object) -> date | datetime:
    for parse in (_parse_date, parse_instant):
        with suppress(ValueError):
            return parse(value)
    raise PydanticCustomError(
        "invalid_date_or_instant",
        "must be a date such as 2026-11-30, or an instant with an offset, such as "
        "2026-11-30T09:00:00Z (in a query a + is written %2B)",
    )


# The document has no words for two formats at once.
DateOrInstantParameter = Annotated[
    date | datetime,
    PlainValidator(_parse_date_or_instant),
    as_written,
    WithJsonSchema(
        {
            "type": "string",
            "pattern": f"^{DATE}({TIME})?$",
            "examples": ["2026-11-30", "2026-11-30T09:00:00Z"],
        }
    ),
]


class DueDate(Input):
    """Due on a day, wherever you are."""

    date: LocalDate = Field(examples=["2026-11-30"])

    @property
    def clock(self) -> dt.datetime:
        """The midnight with which it begins."""
        return datetime.combine(self.date, time.min)

    @property
    def zone(self) -> None:
        """Nothing: a day has none."""

    def at(self, clock: dt.datetime) -> "DueDate":
        """The same on another day."""
        return DueDate.model_construct(date=clock.date())

    def columns(self) -> dict[str, Any]:
        """The columns of a todo that hold it."""
        return _columns(local=self.clock, all_day=True)


class DueDateTime(Input):
    """Due at a time on the wall clock: of a zone, or floating if `timezone` is `null`."""

    datetime: LocalDateTime
    timezone: TimeZone | None = Field(description="`null` means wherever you are.")

    @property
    def clock(self) -> dt.datetime:
        """The wall clock, as written."""
        return self.datetime

    @property
    def zone(self) -> str | None:
        """The name of its zone; None if it is floating."""
        return self.timezone

    def at(self, clock: dt.datetime) -> "DueDateTime":
        """The same at another time, which is far enough from the ends of the calendar."""
        return DueDateTime.model_construct(datetime=clock, timezone=self.timezone)

    def columns(self) -> dict[str, Any]:
        """The columns of a todo that hold it."""
        return _columns(local=self.datetime, timezone=self.timezone, at=self.instant())

    def instant(self) -> dt.datetime | None:
        """The instant if there is a zone (`timezones.instant_of`), else None."""
        return None if self.timezone is None else instant_of(self.datetime, self.timezone)

    @model_validator(mode="after")
    def _has_instant(self) -> Self:
        try:
            self.instant()
        except (OverflowError, ValueError):
            raise PydanticCustomError("out_of_range", "is out of range in that zone") from None
        return self


def _form(value: object) -> str | None:
    """The tag of the form that an input has: `date` is only in one of the two."""
    if isinstance(value, (DueDate, DueDateTime)):
        return _DATE_TAG if isinstance(value, DueDate) else _DATETIME_TAG
    if not isinstance(value, dict):
        return None
    return _DATE_TAG if "date" in value else _DATETIME_TAG


_DATE_TAG = UNION_TAG + "date"
_DATETIME_TAG = UNION_TAG + "datetime"

# A named alias is a named schema in the OpenAPI document.
Due = TypeAliasType(
    "Due",
    Annotated[
        Annotated[DueDate, Tag(_DATE_TAG)] | Annotated[DueDateTime, Tag(_DATETIME_TAG)],
        Discriminator(
            _form,
            custom_error_type="invalid_due",
            custom_error_message="must be an object with `date`, or with `datetime` and `timezone`",
        ),
    ],
)


def due_of(row: Any) -> DueDate | DueDateTime | None:
    """The due that a row's columns hold; its zone may be one of another version of `tzdata`."""
    local = row["due_local"]
    if local is None:
        return None
    if row["due_all_day"]:
        return DueDate.model_construct(date=local.date())
    return DueDateTime.model_construct(datetime=local, timezone=row["due_timezone"])


def due_columns(due: DueDate | DueDateTime | None) -> dict[str, Any]:
    """The columns of a todo for a due, or for none."""
    return due.columns() if due is not None else _columns(local=None)


def _columns(
    *,
    local: datetime | None,
    all_day: bool = False,
    timezone: str | None = None,
    at: datetime | None = None,
) -> dict[str, Any]:
    return {
        "due_local": local.isoformat() if local is not None else None,
        "due_all_day": all_day,
        "due_timezone": timezone,
        "due_at": at,
        "due_rules": 0 if timezone is None else rules(timezone),
    }
