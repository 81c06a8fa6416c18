"""Schemas of the OAuth routes."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
)
from pydantic.config import JsonDict
from pydantic.json_schema import JsonSchemaValue, SkipJsonSchema
from pydantic_core import CoreSchema
from typing_extensions import TypeAliasType

from app.core.schemas import Schema, absent_or

_Short = Annotated[str, StringConstraints(max_length=4096)]
_Secret = Annotated[_Short, Field(json_schema_extra={"format": "password"})]
# An empty parameter counts as left out (RFC 6749, section 3.2).
_Token = Annotated[_Secret, Field(min_length=1, description="A refresh token or an access token.")]

GRANTS = ("password", "refresh_token")
# The enumeration is for the OpenAPI document only: another grant type is not invalid input, but
# `unsupported_grant_type` (RFC 6749, section 5.2).
GrantType = TypeAliasType(
    "GrantType", Annotated[_Short, WithJsonSchema({"type": "string", "enum": [*GRANTS]})]
)

_SIGN_IN: JsonDict = {
    "grant_type": "password",
    "username": "ada@example.com",
    "password": "correct horse battery staple",
}
_REFRESH: JsonDict = {"grant_type": "refresh_token", "refresh_token": "tbr_RXhhbXBsZQ"}
_USER = "01936b7e-8f00-7000-8000-000000000000"
_KEY: JsonDict = {
    "kty": "EC",
    "crv": "P-256",
    "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
    "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
    "kid": "oct0Jbpm3ZtNPZxrvJVUdbLcYrKXNPYlHbvZgSV5vgU",
    "use": "sig",
    "alg": "ES256",
}


class OAuthInput(BaseModel):
    """A form, in which unknown parameters are ignored, as RFC 6749, section 3.2, demands."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    client_id: _Short | None = Field(None, description="Not needed: clients are public.")
    client_secret: _Secret | None = Field(None, description="Not needed: clients are public.")

    def __repr_args__(self) -> Any:
        """Show no field: all of them may be secret."""
        return []

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        schema = handler.resolve_ref_schema(handler(core_schema))
        # A form is all text: it has no `null`, and a repeated parameter is refused, known or not.
        # This is not `additionalProperties`, of which generators would make a map without names.
        schema["patternProperties"] = {"^": {"type": "string"}}
        schema.pop("additionalProperties", None)
        for field in schema["properties"].values():
            kinds = field.pop("anyOf", [])
            field.update(next((kind for kind in kinds if kind != {"type": "null"}), {}))
            field.pop("default", None)
        return schema


class TokenRequest(OAuthInput):
    """RFC 6749, sections 4.3.2 and 6."""

    model_config = {"json_schema_extra": {"examples": [_SIGN_IN, _REFRESH]}}

    grant_type: GrantType
    username: _Short | None = Field(None, description="The e-mail address, to sign in.")
    password: _Secret | None = Field(None, description="The password, to sign in.")
    refresh_token: _Secret | None = Field(None, description="To go on without signing in again.")
    scope: _Short | None = Field(
        None, description="Scopes, separated by spaces. Left out: all that there are to have."
    )


class RevocationRequest(OAuthInput):
    """RFC 7009, section 2.1."""

    model_config = {"json_schema_extra": {"examples": [{"token": "tbr_RXhhbXBsZQ"}]}}

    token: _Token
    token_type_hint: _Short | None = None


class IntrospectionRequest(OAuthInput):
    """RFC 7662, section 2.1."""

    model_config = {"json_schema_extra": {"examples": [{"token": "tbr_RXhhbXBsZQ"}]}}

    token: _Token
    token_type_hint: _Short | None = None


_INTROSPECTION: JsonDict = {
    "active": True,
    "token_type": "Bearer",
    "scope": "todos:read todos:write",
    "sub": _USER,
    "exp": 1795338900,
    "iss": "https://tickbox.example",
    "aud": "tickbox",
    "jti": "01936b7e-8f00-7000-8000-000000000001",
}


class Introspection(Schema):
    """What a token is good for (RFC 7662, section 2.2).

    `active` is alone where the token is no good, or not yours: nobody learns which.
    """

    model_config = {"json_schema_extra": {"examples": [_INTROSPECTION, {"active": False}]}}

    active: bool
    token_type: str | SkipJsonSchema[None] = absent_or(
        description="`Bearer` for an access token; a refresh token has none."
    )
    scope: str | SkipJsonSchema[None] = absent_or(description="What it permits.")
    sub: UUID | SkipJsonSchema[None] = absent_or(description="Whose it is: your id.")
    exp: int | SkipJsonSchema[None] = absent_or(description="Until when, in seconds since 1970.")
    iss: str | SkipJsonSchema[None] = absent_or(description="Who issued it.")
    aud: str | SkipJsonSchema[None] = absent_or(
        description="For whom an access token is meant; a refresh token is for nobody but the "
        "token endpoint."
    )
    jti: UUID | SkipJsonSchema[None] = absent_or(description="An access token's id.")


class ServerMetadata(Schema):
    """RFC 8414, section 2."""

    issuer: str = Field(
        description="The `iss` of access tokens.", examples=["https://tickbox.example"]
    )
    token_endpoint: str = Field(examples=["https://tickbox.example/v1/oauth/token"])
    revocation_endpoint: str = Field(examples=["https://tickbox.example/v1/oauth/revoke"])
    introspection_endpoint: str = Field(examples=["https://tickbox.example/v1/oauth/introspect"])
    jwks_uri: str = Field(examples=["https://tickbox.example/.well-known/jwks.json"])
    service_documentation: str = Field(examples=["https://tickbox.example/docs"])
    scopes_supported: list[str] = Field(examples=[["todos:read", "todos:write"]])
    response_types_supported: list[str] = Field(
        description="None: there is no authorization endpoint.", examples=[[]]
    )
    grant_types_supported: list[str] = Field(examples=[["password", "refresh_token"]])
    token_endpoint_auth_methods_supported: list[str] = Field(
        description="Clients are public.", examples=[["none"]]
    )
    revocation_endpoint_auth_methods_supported: list[str] = Field(examples=[["none"]])
    introspection_endpoint_auth_methods_supported: list[str] = Field(
        description="An access token.", examples=[["Bearer"]]
    )


class TokenResponse(Schema):
    """RFC 6749, section 5.1."""

    access_token: str = Field(
        description="A JWT, to send as `Authorization: Bearer …`.", examples=["eyJhbGciOi…"]
    )
    token_type: str = Field(examples=["Bearer"])
    expires_in: int = Field(
        description="Seconds that the access token is good for.", examples=[900]
    )
    refresh_token: str = Field(
        description="Good for one use, which gives the next one.", examples=["tbr_RXhhbXBsZQ"]
    )
    scope: str = Field(
        description="What the access token permits.", examples=["todos:read todos:write"]
    )


class OAuthErrorResponse(Schema):
    """RFC 6749, section 5.2."""

    error: str = Field(description="The kind of error, for programs.")
    error_description: str = Field(description="What is wrong, in words.")


class JsonWebKey(Schema):
    """RFC 7517, section 4, and RFC 7518, section 6.2: a public key."""

    model_config = {"json_schema_extra": {"examples": [_KEY]}}

    kty: str
    crv: str
    x: str
    y: str
    kid: str
    use: str
    alg: str


class JsonWebKeySet(Schema):
    """RFC 7517, section 5."""

    keys: list[JsonWebKey]
