"""Schemas of the trash."""

from typing import Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypeAliasType

from app.core.schemas import Instant, ListQuery, Page, Schema

TrashedType = TypeAliasType("TrashedType", Literal["todo", "project"])


class TrashItem(Schema):
    """Something that was deleted itself, and not with what it was in or below."""

    type: TrashedType
    id: UUID
    project_id: UUID = Field(description="The project that the todo was in; of a project, its id.")
    title: str = Field(
        description="A todo's title, or a project's name.", examples=["Book the train"]
    )
    deleted_at: Instant
    purge_at: Instant = Field(description="When it may be gone for good.")


class TrashPage(Page[TrashItem]):
    """One page of the trash."""


class TrashQuery(ListQuery):
    """Which part of the trash."""
