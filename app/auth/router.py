"""`/v1/oauth/*`, and the keys that verify access tokens."""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.exceptions import RequestValidationError

from app.auth.dependencies import Auth
from app.auth.errors import InvalidRequest, OAuthError
from app.auth.schemas import (
    JsonWebKeySet,
    OAuthErrorResponse,
    RevocationRequest,
    TokenRequest,
    TokenResponse,
)
from app.core.errors import AppError
from app.core.routing import Handler, Route
from app.core.routing import router as new_router

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthRoute(Route):
    """A form in, and RFC 6749's errors out."""

    media_types = ("application/x-www-form-urlencoded",)

    def get_route_handler(self) -> Handler:
        """What is wrong with the input is `invalid_request` (section 5.2)."""
        handle = super().get_route_handler()

        async def oauth(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                fields = ", ".join(sorted({str(e["loc"][-1]) for e in error.errors()}))
                raise InvalidRequest(f"Missing or not valid: {fields}.") from None
            except AppError as error:
                if isinstance(error, OAuthError) or error.status >= 500:
                    raise
                raise InvalidRequest(error.detail) from None

        return oauth


router = APIRouter(prefix="/v1/oauth", tags=["oauth"], route_class=OAuthRoute)
well_known = new_router("/.well-known", "oauth")

_ERRORS: dict[int | str, dict[str, object]] = {
    400: {"model": OAuthErrorResponse, "description": "RFC 6749, section 5.2."}
}


@router.post("/token", operation_id="create_token", response_model=TokenResponse, responses=_ERRORS)
async def create_token(
    auth: Auth, data: Annotated[TokenRequest, Form()], response: Response
) -> TokenResponse:
    """Sign in, or go on.

    `grant_type=password` with `username` (the e-mail address) and `password`, or
    `grant_type=refresh_token` with `refresh_token`. Each refresh token is good for one use; a
    second use ends the session, since somebody else must have it too.
    """
    response.headers.update(_NO_STORE)
    return await auth.grant(data)


@router.post(
    "/revoke",
    operation_id="revoke_token",
    response_class=Response,
    responses={200: {"description": "It is of no use any more, or never was."}, **_ERRORS},
)
async def revoke_token(auth: Auth, data: Annotated[RevocationRequest, Form()]) -> Response:
    """Sign out.

    Ends the session that the token belongs to (RFC 7009).
    """
    await auth.revoke(data.token)
    return Response(headers=_NO_STORE)


@well_known.get("/jwks.json", operation_id="get_jwks", response_model=JsonWebKeySet)
async def get_jwks(request: Request, response: Response) -> JsonWebKeySet:
    """Read the keys that verify access tokens (RFC 7517)."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return JsonWebKeySet.model_validate(request.app.state.access_tokens.jwks())
