"""What every answer carries: the request's id, and what browsers are told.

Browsers are told to guess, run, frame and pass on nothing of it. All of it is made once, at import:
every answer pays for it.
"""

import re

from starlette.types import Scope

from app.core.clock import new_id_text
from app.observability.redaction import redact

Header = tuple[bytes, bytes]

# JSON loads nothing, and is part of nobody's page.
_POLICY: Header = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
_SECURITY: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    _POLICY,
    (b"referrer-policy", b"no-referrer"),
    # Of what a page loads without CORS, such as an image; origins that CORS allows may read all.
    (b"cross-origin-resource-policy", b"same-origin"),
)
# A year of HTTPS. Not for the names below this one, nor for browsers' own lists: both are for
# whoever has the whole domain to decide, and cannot be taken back. By plain HTTP no browser may
# believe it (RFC 6797, section 7.2).
_HTTPS_ONLY: Header = (b"strict-transport-security", b"max-age=31536000")
_SECURITY_BY_HTTPS = (*_SECURITY, _HTTPS_ONLY)
# A window that opened a page, or that a page opened, cannot reach into it.
_ALONE: Header = (b"cross-origin-opener-policy", b"same-origin")

_SANE_ID = re.compile(rb"[A-Za-z0-9._~+/=-]{1,128}")
_UUID_LENGTH = 36


class ResponseHeaders:
    """Makes those headers."""

    def headers(self, scope: Scope, request_id: bytes) -> list[Header]:
        """What the answer to this request carries."""
        security = _SECURITY_BY_HTTPS if scope["scheme"] == "https" else _SECURITY
        return [(b"x-request-id", request_id), *security]


def allow(headers: list[Header], policy: bytes) -> None:
    """Let an answer with these headers, which is a page, do what this policy says."""
    headers[headers.index(_POLICY)] = (_POLICY[0], policy)
    headers.append(_ALONE)


def request_id_of(scope: Scope) -> bytes:
    """The caller's, if it sent a sane one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value) and not _is_secret(value):
            return bytes(value)
    return new_id_text().encode()


def _is_secret(value: bytes) -> bool:
    """Whether it looks like a token; a request's id is logged."""
    text = value.decode()
    return len(text) > _UUID_LENGTH and redact(text) != text
