"""The principal of a request, and what authenticates it."""

from dataclasses import dataclass
from typing import Protocol
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


class Authenticator(Protocol):
    """Authenticates access tokens; the `auth` feature implements it."""

    async def authenticate(self, token: str) -> Principal:
        """Whose token this is. Raises `Unauthorized`."""
