"""A request as services know it: who acts, when, and what it expects of the row's version."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.core.clock import Now
from app.core.errors import VersionConflict


@dataclass(frozen=True, slots=True)
class Context:
    """A request, as the services know it."""

    request_id: str
    now: Now

    def by(self, actor_id: UUID) -> dict[str, Any]:
        """The parameters of `changes.record`, for a write at this instant."""
        return {"actor_id": actor_id, "request_id": self.request_id, "now": self.now()}


@dataclass(frozen=True, slots=True)
class Expected:
    """What a request expects of the version of a row (RFC 9110, section 13.1).

    The entity tags in `If-Match` and `If-None-Match`, or `*`; None: it was not sent.
    """

    if_match: frozenset[str] | None = None
    if_none_match: frozenset[str] | None = None

    def check(self, version: int) -> None:
        """Raise `VersionConflict` unless a row at this version may be written.

        An `If-None-Match` that names no tag is malformed, and false.
        """
        tag = f'"{version}"'
        if not self.matches(tag) or self.excludes(tag) or self.if_none_match == frozenset():
            raise VersionConflict(version)

    def matches(self, tag: str) -> bool:
        """Whether `If-Match` is true for this entity tag."""
        return self.if_match is None or not self.if_match.isdisjoint((tag, "*"))

    def excludes(self, tag: str) -> bool:
        """Whether `If-None-Match` names this entity tag; the comparison is weak (8.8.3.2)."""
        if self.if_none_match is None:
            return False
        return not self.if_none_match.isdisjoint((tag, f"W/{tag}", "*"))
