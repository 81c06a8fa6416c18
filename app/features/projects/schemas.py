"""Schemas of projects."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints
from typing_extensions import TypeAliasType

from app.core.schemas import (
    Color,
    Flag,
    IdOrNone,
    Input,
    Instant,
    ListQuery,
    NewId,
    Page,
    Patch,
    QueryFlag,
    Schema,
)
from app.core.text_rules import OneLine, Storable
from app.features.projects.models import RoleName
from app.features.projects.places import Place

Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    Storable,
    OneLine,
]
Role = TypeAliasType("Role", RoleName)
ProjectSort = TypeAliasType(
    "ProjectSort", Literal["created_at", "-created_at", "position", "-position"]
)


class ProjectCreate(Input):
    """A new project."""

    model_config = {"json_schema_extra": {"examples": [{"name": "Garden", "color": "#2e7d32"}]}}

    id: NewId | None = Field(None, description="Your own UUIDv7; one is made if you send none.")
    parent_id: UUID | None = Field(
        None, description="The project that it stands below, whose members it has."
    )
    name: Name
    color: Color | None = None


class ProjectUpdate(Patch):
    """A merge patch of a project: only what you send changes."""

    model_config = {"json_schema_extra": {"examples": [{"name": "Back garden"}]}}

    name: Name = ""
    color: Color | None = None
    archived: Flag = False


class ProjectMove(Place):
    """Where a project goes; those below it go with it."""

    model_config = {"json_schema_extra": {"examples": [{"first": True}]}}

    parent_id: UUID | None = Field(
        None,
        description="The project to go below, or `null` for the top level. Left out: it stays "
        "below the same project.",
    )


class ProjectRead(Schema):
    """A project, as you see it."""

    id: UUID
    version: int = Field(description="Raised by every change; the `ETag` holds it too.")
    parent_id: UUID | None
    name: str = Field(examples=["Garden"])
    color: str | None = Field(examples=["#2e7d32"])
    is_inbox: bool = Field(description="Your Inbox: it takes the todos that name no project.")
    archived: bool = Field(description="Read-only, and in lists only if you ask for it.")
    position: str = Field(
        description="Orders projects; compare it byte by byte.", examples=["05r9Hb2kUx3Qe1"]
    )
    role: Role = Field(description="What you are in it.")
    created_by: UUID
    created_at: Instant
    updated_at: Instant
    deleted_at: Instant | None


class ProjectPage(Page[ProjectRead]):
    """One page of projects."""


class ProjectQuery(ListQuery):
    """Which projects, and in which order."""

    sort: ProjectSort = Field("-created_at", description="A `-` means descending.")
    parent_id: IdOrNone | None = Field(
        None, description="Those right below a project; `none`: top level only."
    )
    archived: QueryFlag = Field(
        False, description="Those that are archived, or those that are not."
    )
