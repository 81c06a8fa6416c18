"""Schemas of sessions."""

from uuid import UUID

from pydantic import Field

from app.core.schemas import Instant, ListQuery, Page, Schema


class SessionQuery(ListQuery):
    """Which page. The newest sessions come first."""


class SessionRead(Schema):
    """Something that is signed in: one sign-in, with the tokens that came from it."""

    id: UUID
    scope: str = Field(
        description="What its tokens permit at most.", examples=["todos:read todos:write"]
    )
    network: str | None = Field(
        description="Where it signed in or renewed its tokens last: an IPv4 address, or the /64 "
        "of an IPv6 address.",
        examples=["203.0.113.7", "2001:db8:1:2::/64"],
    )
    created_at: Instant
    last_used_at: Instant = Field(description="When it signed in or renewed its tokens last.")
    is_current: bool = Field(description="Whether this request belongs to it.")


class SessionPage(Page[SessionRead]):
    """A page of sessions."""
