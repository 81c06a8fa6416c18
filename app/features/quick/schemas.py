"""Schemas of quick add."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints
from pydantic.config import JsonDict
from typing_extensions import TypeAliasType

from app.core.schemas import Flag, Input, Schema
from app.core.text_rules import OneLine, Storable
from app.core.timezones import TimeZone
from app.features.due.schemas import Due
from app.features.recurrence.schemas import Recurrence
from app.features.todos.schemas import Priority, TodoRead

SpanField = TypeAliasType(
    "SpanField", Literal["due", "recurrence", "priority", "labels", "project_id"]
)
# Not stripped: spans are counted in it as it was sent.
QuickText = Annotated[str, StringConstraints(min_length=1, max_length=500), Storable, OneLine]

_TEXT = "Call mom every sunday at 5pm #Family @phone !high"
_EXAMPLE: JsonDict = {"text": _TEXT}


class QuickAdd(Input):
    """A todo as you would say it."""

    model_config = {"json_schema_extra": {"examples": [_EXAMPLE]}}

    text: QuickText = Field(
        description="The title, and in English, as whole words, when it is due and how it repeats; "
        '`#project`, `@label` (with `"…"` around a name that has spaces), and `!low`, `!medium`, '
        "`!high` or `!urgent`. Text in double quotes is title only. What is not understood stays "
        "in the title: also what has two readings, such as 5/6, and a project that is unknown, "
        "ambiguous, archived or not yours to change, or any if the token lacks `projects:read`. "
        "Where a word of days, times, repetition or limits is not understood, no date is. A week "
        "begins on Monday here, whatever the `week_start` of your account."
    )
    timezone: TimeZone | None = Field(
        None,
        description="Whose today is meant, and which clocks times are on; `null`: those of your "
        "account.",
    )
    dry_run: Flag = Field(False, description="Only tell what is understood, and make nothing.")


class Span(Schema):
    """Where in the text a field is said, in characters (Unicode code points)."""

    field: SpanField
    start: int
    end: int = Field(description="The character after the last.")


class QuickValues(Schema):
    """What the text says."""

    title: str = Field(examples=["Call mom"])
    due: Due | None
    recurrence: Recurrence | None
    priority: Priority
    labels: list[str] = Field(examples=[["phone"]])
    project_id: UUID | None = Field(description="`null`: it names none, and so it is your Inbox.")


class Understood(Schema):
    """What the text says, and where it says it."""

    values: QuickValues
    spans: list[Span]


class QuickRead(Schema):
    """What became of a text."""

    todo: TodoRead | None = Field(description="`null` for a dry run.")
    understood: Understood
