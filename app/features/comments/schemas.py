"""Schemas of comments."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints
from typing_extensions import TypeAliasType

from app.core.schemas import Input, Instant, ListQuery, NewId, Page, Patch, Schema
from app.core.text_rules import Storable, Visible

MAX_BODY = 10_000
Body = Annotated[str, StringConstraints(min_length=1, max_length=MAX_BODY), Storable, Visible]
CommentSort = TypeAliasType("CommentSort", Literal["created_at", "-created_at"])

_MARKDOWN = "Markdown, as it was sent."


class CommentCreate(Input):
    """A new comment of yours."""

    model_config = {"json_schema_extra": {"examples": [{"body": "The 9:12 is **sold out**."}]}}

    id: NewId | None = Field(None, description="Your own UUIDv7; one is made if you send none.")
    body: Body = Field(description=_MARKDOWN)


class CommentUpdate(Patch):
    """A merge patch of a comment: only what you send changes."""

    model_config = {"json_schema_extra": {"examples": [{"body": "The 9:12 has seats again."}]}}

    body: Body = Field("", description=_MARKDOWN)


class CommentRead(Schema):
    """A comment on a todo."""

    id: UUID
    version: int = Field(description="Raised by every change; the `ETag` holds it too.")
    todo_id: UUID
    author_id: UUID = Field(description="Who wrote it, and alone may change it.")
    body: str = Field(description=_MARKDOWN, examples=["The 9:12 is **sold out**."])
    created_at: Instant
    updated_at: Instant


class CommentPage(Page[CommentRead]):
    """One page of comments."""


class CommentQuery(ListQuery):
    """In which order."""

    sort: CommentSort = Field("-created_at", description="A `-` means descending.")
