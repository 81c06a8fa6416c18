"""The principal of a request."""

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Principal:
    """The user on whose behalf a request runs, and what its token permits.

    `project_id` is the one project that the token is limited to, or None.
    """

    user_id: UUID
    session_id: UUID
    scopes: frozenset[str]
    project_id: UUID | None = None
