"""Bearer tokens (RFC 6750): the security scheme that routes declare, and who asks by it."""

from typing import Annotated

from fastapi import Request, Security
from fastapi.openapi.models import OAuth2 as OAuth2Model
from fastapi.openapi.models import OAuthFlowPassword, OAuthFlows
from fastapi.security.base import SecurityBase
from starlette.types import Scope

from app.core.errors import MalformedRequest, Unauthorized
from app.security.principal import Principal
from app.web.request_state import request_state


class NotAuthenticated(Unauthorized):
    """RFC 6750, section 3: without credentials the challenge carries no error code."""

    code = "not_authenticated"
    title = "An access token is required"

    def __init__(self) -> None:
        super().__init__(headers={"WWW-Authenticate": "Bearer"})


class Bearer(SecurityBase):
    """`Authorization: Bearer …`, as a dependency that gives the principal.

    A route declares its scopes by `Security(bearer, scopes=[…])`; the token needs all of them. The
    document's flows, scopes and addresses are those that the features declare.
    """

    def __init__(self) -> None:
        self.model = OAuth2Model(
            flows=OAuthFlows(password=OAuthFlowPassword(tokenUrl="")),
            description="Sign in with the e-mail address as `username`. Without a scope selected, "
            "the token permits all that you may do.",
        )
        self.scheme_name = "OAuth2"

    async def __call__(self, request: Request) -> Principal:
        """The principal of the request's token, which the request gate judged before."""
        principal = request_state(request.scope).principal
        assert principal is not None
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
