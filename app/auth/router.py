"""`/v1/oauth/*`, and the keys that verify access tokens."""

from typing import Annotated, Any
from urllib.parse import parse_qsl

from fastapi import APIRouter, Form, Request, Response
from fastapi.exceptions import RequestValidationError

from app.auth.dependencies import Auth, Inspector
from app.auth.errors import (
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    OAuthError,
    UnsupportedGrantType,
)
from app.auth.schemas import (
    Introspection,
    IntrospectionRequest,
    JsonWebKeySet,
    OAuthErrorResponse,
    RevocationRequest,
    ServerMetadata,
    TokenRequest,
    TokenResponse,
)
from app.core.authentication import SCOPES, Caller
from app.core.config import Settings
from app.core.errors import AppError
from app.core.passwords import PasswordHashingBusy
from app.core.problems import problems
from app.core.ratelimit import RateLimited
from app.core.routing import Handler, Route, StrictHandler, limited
from app.core.routing import router as new_router

_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_MAX_PARAMETERS = 100


class OAuthRoute(Route):
    """A form in, and RFC 6749's errors out."""

    media_types = ("application/x-www-form-urlencoded",)
    # What a token is good for now is not what it was good for then.
    takes_idempotency_key = False

    def around(self, handle: StrictHandler) -> Handler:
        """What is wrong with the input is `invalid_request` (section 5.2)."""
        answer = super().around(handle)

        async def oauth(request: Request) -> Response:
            try:
                _check_parameters(await request.body())
                return await answer(request)
            except RequestValidationError as error:
                fields = ", ".join(sorted({str(e["loc"][-1]) for e in error.errors()}))
                raise InvalidRequest(f"Missing or not valid: {fields}.") from None
            except AppError as error:
                if isinstance(error, OAuthError | RateLimited) or error.status >= 500:
                    raise
                raise InvalidRequest(error.detail) from None

        return oauth


def _check_parameters(form: bytes) -> None:
    """None may be there twice (RFC 6749, section 3.2): which one would count?"""
    try:
        pairs = parse_qsl(
            form.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS
        )
    except ValueError:
        raise InvalidRequest("There are too many parameters.") from None
    if len({name for name, _ in pairs}) < len(pairs):
        raise InvalidRequest("A parameter is repeated.")


router = APIRouter(prefix="/v1/oauth", tags=["oauth"], route_class=OAuthRoute)
well_known = new_router("/.well-known", "oauth")


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
@limited("sign_in")
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
    responses={
        200: {"description": "It is of no use any more, or never was."},
        **_errors(InvalidRequest),
    },
)
async def revoke_token(auth: Auth, data: Annotated[RevocationRequest, Form()]) -> Response:
    """Sign out.

    Ends the session that the token belongs to (RFC 7009).
    """
    await auth.revoke(data.token)
    return Response(headers=_NO_STORE)


@router.post(
    "/introspect",
    operation_id="introspect_token",
    response_model=Introspection,
    responses=_errors(InvalidRequest),
)
async def introspect_token(
    caller: Caller,
    inspector: Inspector,
    data: Annotated[IntrospectionRequest, Form()],
    response: Response,
) -> Introspection:
    """Ask what a token is good for.

    Of your own tokens (RFC 7662); any other one is `{"active": false}`. Any access token will do
    to ask, whatever its scopes.
    """
    response.headers.update(_NO_STORE)
    return await inspector.introspect(caller, data.token)


@well_known.get(
    "/oauth-authorization-server",
    operation_id="get_server_metadata",
    response_model=ServerMetadata,
)
async def get_server_metadata(request: Request, response: Response) -> ServerMetadata:
    """Read what this authorization server can do.

    RFC 8414. The addresses begin with the issuer, if that is a URL, and else with where you sent
    this request.
    """
    settings: Settings = request.app.state.settings
    issuer, is_url = settings.issuer, settings.issuer_is_url
    # What a client said of its own address is for nobody else.
    response.headers["Cache-Control"] = "public, max-age=300" if is_url else "no-store"
    base = (issuer if is_url else str(request.base_url)).rstrip("/")
    return ServerMetadata(
        issuer=issuer,
        token_endpoint=f"{base}/v1/oauth/token",
        revocation_endpoint=f"{base}/v1/oauth/revoke",
        introspection_endpoint=f"{base}/v1/oauth/introspect",
        jwks_uri=f"{base}/.well-known/jwks.json",
        service_documentation=f"{base}/docs",
        scopes_supported=sorted(SCOPES),
        response_types_supported=[],
        grant_types_supported=["password", "refresh_token"],
        token_endpoint_auth_methods_supported=["none"],
        revocation_endpoint_auth_methods_supported=["none"],
        introspection_endpoint_auth_methods_supported=["Bearer"],
    )


@well_known.get("/jwks.json", operation_id="get_jwks", response_model=JsonWebKeySet)
async def get_jwks(request: Request, response: Response) -> JsonWebKeySet:
    """Read the public keys.

    They verify access tokens (RFC 7517). The `kid` of a token names its key.
    """
    response.headers["Cache-Control"] = "public, max-age=300"
    return JsonWebKeySet.model_validate(request.app.state.access_tokens.jwks())
