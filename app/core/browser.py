"""What browsers are told with every answer: to guess, run, frame and pass on nothing of it.

All of it is made once, at import: every answer pays for it.
"""

from starlette.types import Scope

Header = tuple[bytes, bytes]

# JSON loads nothing, and is part of nobody's page.
_POLICY: Header = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
SECURITY: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    _POLICY,
    (b"referrer-policy", b"no-referrer"),
    # Of what a page loads without CORS, such as an image; origins that CORS allows may read all.
    (b"cross-origin-resource-policy", b"same-origin"),
)
# A year of HTTPS. Not for the names below this one, nor for browsers' own lists: both are for
# whoever has the whole domain to decide, and cannot be taken back.
_HTTPS_ONLY: Header = (b"strict-transport-security", b"max-age=31536000")
_SECURITY_BY_HTTPS = (*SECURITY, _HTTPS_ONLY)
# A window that opened a page, or that a page opened, cannot reach into it.
_ALONE: Header = (b"cross-origin-opener-policy", b"same-origin")


def headers(scope: Scope) -> tuple[Header, ...]:
    """What the answer to this request carries.

    By plain HTTP no browser may believe `Strict-Transport-Security` (RFC 6797, section 7.2).
    """
    return _SECURITY_BY_HTTPS if scope["scheme"] == "https" else SECURITY


def allow(scope: Scope, policy: bytes) -> None:
    """Let the answer to this request, which is a page, do what this policy says."""
    answer: list[Header] = scope["state"]["headers"]
    answer[answer.index(_POLICY)] = (_POLICY[0], policy)
    answer.append(_ALONE)
