"""CORS: which pages of other origins may read answers, and send what is not a plain form."""

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

# What the API has; a test holds these against its OpenAPI document.
METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
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
# The longest that browsers remember a preflight for.
_MAX_AGE_SECONDS = 7200


class ListedOriginsMiddleware(CORSMiddleware):
    """Starlette's middleware, which only sees requests of listed origins.

    It would tell every origin which methods and headers there are. All others are answered as if
    there was no CORS, and so are requests with two origins, which no browser sends.
    """

    def __init__(
        self, app: ASGIApp, origins: tuple[str, ...], other_headers: tuple[str, ...] = ()
    ) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=METHODS,
            # Nothing here goes by the others; they are of whoever traces requests.
            allow_headers=(*REQUEST_HEADERS, *other_headers),
            expose_headers=EXPOSED_HEADERS,
            max_age=_MAX_AGE_SECONDS,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            origins = [value for name, value in scope["headers"] if name == b"origin"]
            if len(origins) > 1 or not all(map(self._is_listed, origins)):
                others = [header for header in scope["headers"] if header[0] != b"origin"]
                scope = {**scope, "headers": others}
        await super().__call__(scope, receive, send)

    def _is_listed(self, origin: bytes) -> bool:
        return self.is_allowed_origin(origin.decode("latin-1"))
