"""What OAuth clients send and get."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.schemas import Schema

_Short = Annotated[str, StringConstraints(max_length=4096)]
_Secret = Annotated[_Short, Field(json_schema_extra={"format": "password"})]


class OAuthInput(BaseModel):
    """A form; parameters that are not known are ignored, as RFC 6749, section 3.2, demands."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    client_id: _Short | None = Field(None, description="Not needed: clients are public.")
    client_secret: _Secret | None = Field(None, description="Not needed: clients are public.")

    def __repr_args__(self) -> Any:
        """Nothing of what was sent: it is all secret."""
        return []


class TokenRequest(OAuthInput):
    """RFC 6749, sections 4.3.2 and 6."""

    grant_type: _Short = Field(
        description="`password` or `refresh_token`.", examples=["password", "refresh_token"]
    )
    username: _Short | None = Field(None, description="The e-mail address, to sign in.")
    password: _Secret | None = Field(None, description="The password, to sign in.")
    refresh_token: _Secret | None = Field(None, description="To go on without signing in again.")
    scope: _Short | None = Field(
        None, description="Scopes, separated by spaces. Left out: all that there are to have."
    )


class RevocationRequest(OAuthInput):
    """RFC 7009, section 2.1."""

    token: _Secret = Field(description="A refresh token or an access token.")
    token_type_hint: _Short | None = None


class TokenResponse(Schema):
    """RFC 6749, section 5.1."""

    access_token: str = Field(description="A JWT, to send as `Authorization: Bearer …`.")
    token_type: str = Field(examples=["Bearer"])
    expires_in: int = Field(description="Seconds that the access token is good for.")
    refresh_token: str = Field(description="Good for one use, which gives the next one.")
    scope: str = Field(description="What the access token permits.")


class OAuthErrorResponse(Schema):
    """RFC 6749, section 5.2."""

    error: str
    error_description: str


class JsonWebKey(Schema):
    """RFC 7517, section 4, and RFC 7518, section 6.2: a public key."""

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
