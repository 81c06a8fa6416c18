"""`/v1/oauth/*`, the server's metadata, and the keys that verify access tokens."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.exceptions import RequestValidationError

from app.core.errors import AppError, ContentTooLarge, RateLimited, RequestTimeout
from app.features.auth.dependencies import SIGN_IN, Auth, Inspector
from app.features.auth.errors import (
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    OAuthError,
    UnsupportedGrantType,
)
from app.features.auth.schemas import (
    Introspection,
    IntrospectionRequest,
    JsonWebKeySet,
    OAuthErrorResponse,
    RevocationRequest,
    ServerMetadata,
    TokenRequest,
    TokenResponse,
)
from app.security.password_hashing import PasswordHashingBusy
from app.web.dependencies import Caller, app_state
from app.web.openapi.problems import problems
from app.web.responses import SchemaResponse
from app.web.routing import Feature, Route, limited, permits
from app.web.routing import router as new_router

_AS_THEY_ARE = OAuthError | RateLimited | RequestTimeout | ContentTooLarge
_PUBLIC = {"Cache-Control": "public, max-age=300"}
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuthRoute(Route):
    """A route that takes a form and answers with the errors of RFC 6749."""

    media_types = ("application/x-www-form-urlencoded",)
    # A kept answer would hold secrets, or tell what a token was good for earlier.
    takes_idempotency_key = False

    async def answer(self, request: Request) -> Response:
        """Answer the request; wrong input is `invalid_request` (section 5.2)."""
        try:
            response = await super().answer(request)
        except RequestValidationError as error:
            fields = ", ".join(sorted({str(e["loc"][-1]) for e in error.errors()}))
            raise InvalidRequest(f"Missing or not valid: {fields}.") from None
        except AppError as error:
            if isinstance(error, _AS_THEY_ARE) or error.status >= 500:
                raise
            raise InvalidRequest(error.detail) from None
        response.headers.update(_NO_STORE)
        return response


router = APIRouter(prefix="/v1/oauth", tags=["oauth"], route_class=OAuthRoute)
well_known = new_router("/.well-known", "oauth")
FEATURE = Feature(
    tag="oauth",
    description="Signing in and out: OAuth 2.0 (RFC 6749, 7009, 7517, 7662, 8414).",
    routers=(router, well_known),
    limits=(SIGN_IN,),
    token_url="/v1/oauth/token",  # noqa: S106 - no password
)


def _errors(*errors: type[OAuthError]) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these errors."""
    examples = {
        error.code: {"summary": error.title, "value": error().as_json("")} for error in errors
    }
    return {
        400: {
            "model": OAuthErrorResponse,
            "description": "RFC 6749, section 5.2.",
            "content": {OAuthError.media_type: {"examples": examples}},
        }
    }


@router.post(
    "/token",
    operation_id="create_token",
    response_model=TokenResponse,
    responses={
        **_errors(InvalidRequest, InvalidGrant, InvalidScope, UnsupportedGrantType),
        **problems(PasswordHashingBusy),
    },
)
@limited(SIGN_IN)
async def create_token(auth: Auth, data: Annotated[TokenRequest, Form()]) -> TokenResponse:
    """Sign in, or renew tokens.

    `grant_type=password` with `username` (the e-mail address) and `password`, or
    `grant_type=refresh_token` with `refresh_token`. Each refresh token is good for one use; a
    second use ends the session, since somebody else must have it too.
    """
    return await auth.grant(data)


@router.post(
    "/revoke",
    operation_id="revoke_token",
    response_class=Response,
    responses={
        200: {"description": "The token is not valid any more, or never was."},
        **_errors(InvalidRequest),
    },
)
async def revoke_token(auth: Auth, data: Annotated[RevocationRequest, Form()]) -> Response:
    """Sign out.

    Ends the session that the token belongs to (RFC 7009).
    """
    await auth.revoke(data.token)
    return Response()


@router.post(
    "/introspect",
    operation_id="introspect_token",
    response_model=Introspection,
    responses=_errors(InvalidRequest),
)
@permits("own")
async def introspect_token(
    caller: Caller, inspector: Inspector, data: Annotated[IntrospectionRequest, Form()]
) -> Introspection:
    """Ask what a token is good for.

    Only your own tokens are described (RFC 7662); any other one is `{"active": false}`. Any access
    token may ask, whatever its scopes.
    """
    return await inspector.introspect(caller, data.token)


@well_known.get(
    "/oauth-authorization-server",
    operation_id="get_server_metadata",
    response_model=ServerMetadata,
)
async def get_server_metadata(request: Request) -> Response:
    """Read what this authorization server can do.

    The metadata of RFC 8414. Its addresses begin with the issuer if that is a URL, and else with
    the address of this request.
    """
    state = app_state(request)
    issuer, is_url = state.settings.issuer, state.settings.issuer_is_url
    base = (issuer if is_url else str(request.base_url)).rstrip("/")
    metadata = ServerMetadata(
        issuer=issuer,
        token_endpoint=f"{base}/v1/oauth/token",
        revocation_endpoint=f"{base}/v1/oauth/revoke",
        introspection_endpoint=f"{base}/v1/oauth/introspect",
        jwks_uri=f"{base}/.well-known/jwks.json",
        service_documentation=f"{base}/docs",
        scopes_supported=sorted(state.scopes),
        response_types_supported=[],
        grant_types_supported=["password", "refresh_token"],
        token_endpoint_auth_methods_supported=["none"],
        revocation_endpoint_auth_methods_supported=["none"],
        introspection_endpoint_auth_methods_supported=["Bearer"],
    )
    # Without an issuer the addresses come from the Host header, which a client may forge.
    return SchemaResponse(metadata, headers=_PUBLIC if is_url else {"Cache-Control": "no-store"})


@well_known.get("/jwks.json", operation_id="get_jwks", response_model=JsonWebKeySet)
async def get_jwks(request: Request) -> Response:
    """Read the public keys.

    They verify access tokens (RFC 7517). The `kid` of a token names its key.
    """
    keys = JsonWebKeySet.model_validate(app_state(request).access_tokens.jwks())
    return SchemaResponse(keys, headers=_PUBLIC)
