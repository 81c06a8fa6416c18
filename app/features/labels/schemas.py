"""Schemas of labels, and what todos have of them."""

from collections.abc import Sequence
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints
from typing_extensions import TypeAliasType

from app.core.schemas import Color, Input, Instant, ListQuery, NewId, Page, Patch, Schema
from app.core.text_rules import OneLine, Storable, text_key
from app.features.labels.errors import LabelRepeated

MAX_LABELS = 50
MAX_NAME_LENGTH = 60
LabelName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_NAME_LENGTH),
    Storable,
    OneLine,
]
LabelNames = Annotated[list[LabelName], Field(max_length=MAX_LABELS)]
LabelSort = TypeAliasType("LabelSort", Literal["created_at", "-created_at", "name", "-name"])


def by_key(names: Sequence[str]) -> dict[str, str]:
    """The names of labels by their keys, in the order of these. Raises `LabelRepeated`."""
    found: dict[str, str] = {}
    for place, name in enumerate(names):
        key = text_key(name)
        if key in found:
            raise LabelRepeated(place)
        found[key] = name
    return dict(sorted(found.items()))


class LabelCreate(Input):
    """A new label of yours."""

    model_config = {"json_schema_extra": {"examples": [{"name": "Errands", "color": "#2e7d32"}]}}

    id: NewId | None = Field(None, description="Your own UUIDv7; one is made if you send none.")
    name: LabelName
    color: Color | None = None


class LabelUpdate(Patch):
    """A merge patch of a label: only what you send changes."""

    model_config = {"json_schema_extra": {"examples": [{"color": "#3367d6"}, {"name": "Shopping"}]}}

    name: LabelName = ""
    color: Color | None = None


class LabelRead(Schema):
    """A label."""

    id: UUID
    version: int = Field(description="Raised by every change; the `ETag` holds it too.")
    name: str = Field(examples=["Errands"])
    color: str | None = Field(examples=["#2e7d32"])
    owner_id: UUID = Field(description="Whose it is: of the projects whose todos may have it.")
    created_at: Instant
    updated_at: Instant


class LabelPage(Page[LabelRead]):
    """One page of labels."""


class LabelQuery(ListQuery):
    """Which labels, and in which order."""

    sort: LabelSort = Field(
        "-created_at",
        description="`name` takes no notice of case and goes by the first 200 characters of what "
        "is then compared. A `-` means descending.",
    )
    project_id: UUID | None = Field(
        None, description="Those on todos of this project, whosever they are. Left out: your own."
    )
