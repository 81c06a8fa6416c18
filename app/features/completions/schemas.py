"""Schemas of completions and occurrences."""

from uuid import UUID

from pydantic import Field
from pydantic.config import JsonDict

from app.core.schemas import Input, Instant, ListQuery, Page, QueryInteger, Schema
from app.features.due.schemas import Due
from app.features.todos.schemas import TodoRead

_EXAMPLE: JsonDict = {"occurrence": {"date": "2026-11-30"}}


class CompletionCreate(Input):
    """The occurrence to complete."""

    model_config = {"json_schema_extra": {"examples": [_EXAMPLE]}}

    occurrence: Due = Field(description="The todo's `due`, as you know it.")


class CompletionRead(Schema):
    """A completed occurrence. It never changes."""

    id: UUID
    completed_at: Instant
    completed_by: UUID
    occurrence: Due = Field(examples=[{"date": "2026-11-30"}])


class CompletionMade(Schema):
    """A completion, and the todo after it."""

    completion: CompletionRead
    todo: TodoRead


class CompletionPage(Page[CompletionRead]):
    """One page of completions."""


class CompletionQuery(ListQuery):
    """Which completions."""


class Occurrences(Schema):
    """The current occurrence, and those that follow."""

    items: list[Due] = Field(examples=[[{"date": "2026-11-30"}, {"date": "2026-12-07"}]])


class OccurrenceQuery(Input):
    """How many occurrences."""

    limit: QueryInteger = Field(
        10, ge=1, le=100, description="How many there are at most; fewer where the rule ends."
    )
