"""What can go wrong with signing in: the errors of RFC 6749, section 5.2, in its own form.

OAuthError 400
├── InvalidRequest
├── InvalidGrant          RefreshTokenReused
├── InvalidScope
└── UnsupportedGrantType
"""

from typing import Any, ClassVar

from app.core.errors import AppError


class OAuthError(AppError):
    """`code` is RFC 6749's `error`; it is no problem document, since OAuth clients know this."""

    status = 400
    media_type: ClassVar[str] = "application/json"

    def as_json(self, request_id: str) -> dict[str, Any]:  # noqa: ARG002 - RFC 6749 has no place for it
        """RFC 6749, section 5.2."""
        return {"error": self.code, "error_description": self.detail}


class InvalidRequest(OAuthError):
    code = "invalid_request"
    title = "The request lacks a parameter, or is otherwise malformed"


class InvalidGrant(OAuthError):
    """One text for all reasons, so that nobody learns which accounts there are."""

    code = "invalid_grant"
    title = "The credentials are not valid"


class RefreshTokenReused(InvalidGrant):
    """Somebody else has the token too: its session is over, and that is kept (RFC 9700, 4.14)."""

    keeps_transaction = True


class InvalidScope(OAuthError):
    code = "invalid_scope"
    title = "The scope is unknown, or more than was granted"


class UnsupportedGrantType(OAuthError):
    code = "unsupported_grant_type"
    title = "The grant type is not supported"
