"""Who asks: the principal, the scopes, and the security scheme that routes declare.

How a token is judged is the `auth` feature's affair; it is put in place by `create_app`, so that
core and the other features need not know it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import Request, Security
from fastapi.openapi.models import OAuth2 as OAuth2Model
from fastapi.openapi.models import OAuthFlowPassword, OAuthFlows
from fastapi.security.base import SecurityBase
from starlette.types import Scope

from app.core.errors import MalformedRequest, Unauthorized

SCOPES: Mapping[str, str] = MappingProxyType(
    {
        "todos:read": "Read todos, labels and comments.",
        "todos:write": "Create, change and delete todos, labels and comments.",
        "projects:read": "Read projects and their members.",
        "projects:write": "Create, change, share and delete projects.",
        "webhooks:manage": "Manage webhooks.",
        "account:manage": "Manage the account, its sessions and tokens.",
    }
)


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
    """Judges access tokens."""

    async def authenticate(self, token: str) -> Principal:
        """Whose token this is. Raises `Unauthorized`."""


class NotAuthenticated(Unauthorized):
    """RFC 6750, section 3: without credentials the challenge carries no error code."""

    code = "not_authenticated"
    title = "An access token is required"

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": "Bearer"})


class Bearer(SecurityBase):
    """`Authorization: Bearer …` (RFC 6750), as a dependency that gives the principal.

    A route declares its scopes by `Security(bearer, scopes=[…])`; the token needs all of them.
    """

    def __init__(self) -> None:
        self.model = OAuth2Model(
            flows=OAuthFlows(
                password=OAuthFlowPassword(
                    tokenUrl="/v1/oauth/token",
                    refreshUrl="/v1/oauth/token",
                    scopes=dict(SCOPES),
                )
            ),
            description="Sign in with the e-mail address as `username`. Without a scope selected, "
            "the token permits all that you may do.",
        )
        self.scheme_name = "OAuth2"

    async def __call__(self, request: Request) -> Principal:
        """The principal of the request's token, which `admission` judged before."""
        principal: Principal = request.scope["state"]["principal"]
        return principal


def bearer_token(scope: Scope) -> str:
    """The access token that a request brings. Raises `NotAuthenticated`, `MalformedRequest`."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if not values:
        raise NotAuthenticated
    if len(values) > 1:
        raise MalformedRequest(
            "The Authorization header was sent more than once.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_request"'},
        )
    scheme, _, token = values[0].decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated
    return str(token.strip(" "))


bearer = Bearer()
Caller = Annotated[Principal, Security(bearer)]
AccountManager = Annotated[Principal, Security(bearer, scopes=["account:manage"])]
