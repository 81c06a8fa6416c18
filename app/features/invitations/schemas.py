"""Schemas of invitations."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from app.core.schemas import Input, Instant, ListQuery, Page, Schema
from app.core.text_rules import Storable
from app.features.members.schemas import GivenRole
from app.features.users.schemas import Email

_EXAMPLE = "tbi_9mVb3XwCkQ1dP7sZyR0nLhT5aUe2GfJo8cKiW4xNqBs"


class InvitationCreate(Input):
    """An invitation of an e-mail address."""

    model_config = {
        "json_schema_extra": {"examples": [{"email": "grace@example.com", "role": "editor"}]}
    }

    email: Email
    role: GivenRole


class InvitationAcceptance(Input):
    """The token of an invitation."""

    model_config = {"json_schema_extra": {"examples": [{"token": _EXAMPLE}]}}

    token: Annotated[str, Field(min_length=1, max_length=200), Storable] = Field(
        json_schema_extra={"format": "password", "writeOnly": True}
    )

    def __repr_args__(self) -> Any:
        """Nothing of what was sent: it is all secret."""
        return []


class InvitationRead(Schema):
    """An invitation, as the project's owner sees it."""

    id: UUID
    email: str = Field(examples=["grace@example.com"])
    role: GivenRole
    created_at: Instant
    expires_at: Instant


class InvitationMade(InvitationRead):
    """A new invitation, with what is shown this once."""

    token: str | None = Field(
        description="Whoever has it may accept, once; it is not shown again. `null` if it was "
        "mailed.",
        examples=[_EXAMPLE],
    )


class InvitationPage(Page[InvitationRead]):
    """One page of a project's invitations."""


class OwnInvitation(Schema):
    """An invitation of yours."""

    id: UUID
    project_name: str = Field(examples=["Garden"])
    inviter_name: str | None = Field(examples=["Ada Lovelace"])
    role: GivenRole
    created_at: Instant
    expires_at: Instant


class OwnInvitationPage(Page[OwnInvitation]):
    """One page of your invitations."""


class InvitationQuery(ListQuery):
    """Which part of the list: the newest invitations first."""
