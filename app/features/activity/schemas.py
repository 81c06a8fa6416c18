"""Schemas of activity."""

from typing import Any
from uuid import UUID

from pydantic import Field

from app.core.schemas import Instant, ListQuery, Page, Schema

# `from` and `to`: what it was and became, of any type. Generators of clients know no type for that.
FieldChange = dict[str, Any]


class ActivityRead(Schema):
    """Something that happened. It never changes."""

    id: UUID
    at: Instant
    actor_id: UUID | None = Field(description="Who did it, or `null` for what nobody asked for.")
    event: str = Field(examples=["todo.updated"])
    type: str = Field(description="What it happened to.", examples=["todo"])
    resource_id: UUID
    changes: dict[str, FieldChange] = Field(
        description="The fields that changed, each with what it was (`from`; `null` also where you "
        "do not see the project that it was in) and became (`to`); none of what is new or gone.",
        examples=[{"title": {"from": "Book the train", "to": "Book the bus"}}],
    )


class ActivityPage(Page[ActivityRead]):
    """One page of activity."""


class ActivityQuery(ListQuery):
    """How much of it."""
