"""Answers that are given without the app, before a connection ends: it never saw the request, or
waits in vain for the rest of it.
"""

from collections import Counter
from collections.abc import Iterable
from http import HTTPStatus

import orjson
from starlette.types import Scope

from app.core.errors import AppError, HeadTooLarge, MalformedRequest, RequestTimeout
from app.web.response_headers import Header, ResponseHeaders, request_id_of

# What the counter calls them.
REASONS: dict[type[AppError], str] = {
    RequestTimeout: "timeout",
    MalformedRequest: "malformed",
    HeadTooLarge: "head_too_large",
}


class LastAnswers:
    """Makes those answers, and counts the connections that end by one without a request.

    Where the app has begun with a request, that is counted and logged as any other.
    """

    def __init__(self, response_headers: ResponseHeaders, counts: Counter[str]) -> None:
        self._envelope = response_headers
        self._counts = counts

    def count(self, error: AppError) -> None:
        """Count a connection that ends without a request that the app has seen."""
        self._counts[REASONS[type(error)]] += 1

    def answer(self, error: AppError, scope: Scope, more: Iterable[Header]) -> bytes:
        """The whole answer, with `more` headers; `scope` has as much as is known.

        If the app has begun with the request, its headers are those that it has until now.
        """
        headers: list[Header] | None = scope.get("state", {}).get("headers")
        if headers is None:
            headers = self._envelope.headers(scope, request_id_of(scope))
        body = orjson.dumps(error.as_json(dict(headers)[b"x-request-id"].decode()))
        lines = [
            b"HTTP/1.1 %d %b" % (error.status, HTTPStatus(error.status).phrase.encode()),
            b"connection: close",
            b"cache-control: no-store",
            b"content-type: " + error.media_type.encode(),
            b"content-length: %d" % len(body),
            *(name + b": " + value for name, value in (*more, *headers)),
        ]
        return b"\r\n".join([*lines, b"", body])
