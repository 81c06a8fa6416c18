"""CORS: which pages of other origins may read answers, and send what is not a plain form."""

from collections.abc import Sequence

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

# What the API has; tests compare these with its OpenAPI document.
METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")
REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "Last-Event-ID",
    "X-Request-Id",
    "X-Requested-With",  # sent by Swagger UI, and read by nobody
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


def install(app: FastAPI, origins: Sequence[str], other_headers: Sequence[str]) -> None:
    """Let pages of these origins use the API, and send these headers too, such as for tracing."""
    app.add_middleware(
        CORSMiddleware,
        allow_origins=origins,
        allow_methods=METHODS,
        allow_headers=(*REQUEST_HEADERS, *other_headers),
        expose_headers=EXPOSED_HEADERS,
        max_age=7200,  # seconds; no browser remembers a preflight for longer
    )
