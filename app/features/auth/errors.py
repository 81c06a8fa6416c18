"""Errors of the OAuth routes, answered in the form of RFC 6749, section 5.2.

OAuthError 400
├── InvalidRequest
├── InvalidGrant          RefreshTokenReused
├── InvalidScope
└── UnsupportedGrantType
"""

from typing import Any, ClassVar

from app.core.errors import AppError


class OAuthError(AppError):
    """An error that OAuth clients know, not a problem document; `code` is RFC 6749's `error`."""

    status = 400
    media_type: ClassVar[str] = "application/json"

    def as_json(self, request_id: str) -> dict[str, Any]:  # noqa: ARG002 - RFC 6749 has no place for it
        """The answer's body."""
        return {"error": self.code, "error_description": self.detail}


class InvalidRequest(OAuthError):
    code = "invalid_request"
    title = "The request lacks a parameter, or is otherwise malformed"


class InvalidGrant(OAuthError):
    """The same for every reason, so that nobody learns which accounts exist."""

    code = "invalid_grant"
    title = "The credentials are not valid"


class RefreshTokenReused(InvalidGrant):
    """A refresh token was used twice, so somebody stole it (RFC 9700, section 4.14).

    The session ends, so the transaction is committed although the request fails.
    """

    keeps_transaction = True


class InvalidScope(OAuthError):
    code = "invalid_scope"
    title = "The scope is unknown, or more than was granted"


class UnsupportedGrantType(OAuthError):
    code = "unsupported_grant_type"
    title = "The grant type is not supported"
