"""CORS: which pages of other origins may read answers, and send what is not a plain form.

Starlette's middleware for it is not used: docs/decisions/cors.md says why.
"""

from collections.abc import Iterable

from starlette.types import ASGIApp, Receive, Scope, Send

from app.core.browser import Header

# What the API has; a test holds both lists against its OpenAPI document.
METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-Id",
    "X-Requested-With",  # Swagger UI sends it, and nothing goes by it
)
EXPOSED_HEADERS = (
    "Accept",
    "Allow",
    "Deprecation",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "WWW-Authenticate",
    "X-Cache",
    "X-Request-Id",
)
# The longest that browsers remember it for.
_MAX_AGE_SECONDS = 7200

# Also on answers to nobody's page: what is kept of one is not to be given to another.
_VARY: Header = (b"vary", b"Origin")
_TO_NOBODY = (_VARY,)
_TO_PREFLIGHT: tuple[Header, ...] = (
    (b"access-control-allow-methods", ", ".join(METHODS).encode()),
    (b"access-control-allow-headers", ", ".join(REQUEST_HEADERS).encode()),
    (b"access-control-max-age", b"%d" % _MAX_AGE_SECONDS),
)


class Cors:
    """The origins that are listed, and what answers to their pages carry.

    Never `Access-Control-Allow-Credentials`: nothing here goes by cookies.
    """

    def __init__(self, origins: Iterable[str]) -> None:
        exposed = (b"access-control-expose-headers", ", ".join(EXPOSED_HEADERS).encode())
        self._answers: dict[bytes, tuple[Header, ...]] = {
            origin.encode(): ((b"access-control-allow-origin", origin.encode()), exposed, _VARY)
            for origin in origins
        }

    def headers(self, scope: Scope) -> tuple[Header, ...]:
        """What the answer to this request carries."""
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if len(origins) != 1:
            return _TO_NOBODY
        return self._answers.get(origins[0], _TO_NOBODY)

    def is_preflight(self, scope: Scope) -> bool:
        """Whether a browser asks here, for a page of a listed origin, if it may send a request."""
        return (
            scope["method"] == "OPTIONS"
            and any(name == b"access-control-request-method" for name, _ in scope["headers"])
            and self.headers(scope) is not _TO_NOBODY
        )


class PreflightMiddleware:
    """Answers preflights: the same to all, also where there is no route, so that a page can read
    the problem that its request is answered by.

    They need no token, and no limit counts them: to count one costs more than to answer it.
    """

    def __init__(self, app: ASGIApp, cors: Cors) -> None:
        self._app = app
        self._cors = cors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and self._cors.is_preflight(scope):
            headers = list(_TO_PREFLIGHT)
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body"})
        else:
            await self._app(scope, receive, send)
