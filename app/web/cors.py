"""CORS: which pages of other origins may read answers, and send what is not a plain form."""

from collections.abc import Sequence

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app.web.openapi import headers

# What the API has: more than its document lists is sent by Swagger UI, and by streams.
METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
REQUEST_HEADERS = (
    *("Authorization", "Content-Type", "X-Request-Id", "Last-Event-ID", "X-Requested-With"),
    *headers.REQUEST_HEADERS,
)
EXPOSED_HEADERS = (*headers.HEADERS, "Allow", "Deprecation", "Sunset")


def around(app: ASGIApp, origins: Sequence[str], other_headers: Sequence[str]) -> ASGIApp:
    """Let pages of these origins use the API, and send these headers too, such as for tracing."""
    return CORSMiddleware(
        app,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=(*REQUEST_HEADERS, *other_headers),
        expose_headers=EXPOSED_HEADERS,
        max_age=7200,  # seconds; no browser remembers a preflight for longer
    )
