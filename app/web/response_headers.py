"""The headers that every answer carries: the request's id, and what browsers may do with it."""

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
# A window that opened a page, or that a page opened, cannot reach into it.
_ALONE: Header = (b"cross-origin-opener-policy", b"same-origin")

_SANE_ID = re.compile(rb"[A-Za-z0-9._~+/=-]{1,128}")
_UUID_LENGTH = 36


def headers_of(scope: Scope, request_id: str) -> list[Header]:
    """The headers of whatever this request is answered with."""
    headers = [(b"x-request-id", request_id.encode()), *_SECURITY]
    if scope["scheme"] == "https":
        headers.append(_HTTPS_ONLY)
    return headers


def allow(headers: list[Header], policy: bytes) -> None:
    """Let an answer with these headers, which is a page, do what this policy says."""
    headers[headers.index(_POLICY)] = (_POLICY[0], policy)
    headers.append(_ALONE)


def request_id_of(scope: Scope) -> str:
    """The client's `X-Request-Id` if it is short, plain and no secret; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            text: str = value.decode()
            # It is logged: what may be a token is none.
            if len(text) <= _UUID_LENGTH or redact(text) == text:
                return text
    return new_id_text()
