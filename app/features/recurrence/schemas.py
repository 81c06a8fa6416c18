"""How a todo repeats, as clients write it."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from typing_extensions import TypeAliasType

from app.core.schemas import Input
from app.features.recurrence.rule import MAX_LENGTH

# For the document; what is refused is told by `rule.parse`.
_PART = "[A-Za-z]+=[A-Za-z0-9,+-]+"
RepeatFrom = TypeAliasType("RepeatFrom", Literal["due", "completion"])


def _capitals(rrule: str) -> str:
    """In capitals if it may be a rule: those of some other letters are ASCII."""
    return rrule.upper() if rrule.isascii() else rrule


class Recurrence(Input):
    """How a todo repeats."""

    rrule: Annotated[str, AfterValidator(_capitals)] = Field(
        description="The value of an RRULE property (RFC 5545, section 3.3.10), up to 500 "
        "characters: `FREQ` from `HOURLY` to `YEARLY`, without `BYSECOND`. It is given back in "
        "capitals.",
        examples=["FREQ=WEEKLY;BYDAY=MO"],
        json_schema_extra={"maxLength": MAX_LENGTH, "pattern": f"^{_PART}(;{_PART})*$"},
    )
    repeat_from: RepeatFrom = Field(
        description="Which occurrence is next: the first after the `due`, or the first of a series "
        "that begins anew on the day of completion."
    )
