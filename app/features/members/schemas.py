"""Schemas of members."""

from typing import Literal
from uuid import UUID

from pydantic import Field
from typing_extensions import TypeAliasType

from app.core.schemas import Input, Instant, ListQuery, Page, Patch, Schema
from app.features.projects.schemas import Role

# What a member may be made: the owner becomes that by a transfer.
GivenRole = TypeAliasType("GivenRole", Literal["editor", "viewer"])
_USER_ID = "01936b7e-8f00-7000-8000-000000000000"


class MemberUpdate(Patch):
    """A merge patch of a member: only what you send changes."""

    model_config = {"json_schema_extra": {"examples": [{"role": "viewer"}]}}

    role: GivenRole = "viewer"


class Transfer(Input):
    """Whose a project is to be."""

    model_config = {"json_schema_extra": {"examples": [{"user_id": _USER_ID}]}}

    user_id: UUID = Field(description="A member, who becomes the owner.")


class MemberRead(Schema):
    """A member of a project, and of all projects below it."""

    user_id: UUID
    display_name: str | None = Field(examples=["Ada Lovelace"])
    email: str = Field(examples=["ada@example.com"])
    role: Role
    created_at: Instant = Field(description="Since when.")


class MemberPage(Page[MemberRead]):
    """One page of members."""


class MemberQuery(ListQuery):
    """Which part of the list: the newest members first."""
