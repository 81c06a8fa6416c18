"""Rows and pages as answers: JSON, `ETag`, `Link`, and 304 where nothing changed."""

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any
from urllib.parse import urlencode

import orjson
from fastapi import Response

from app.core.context import Expected
from app.core.errors import VersionConflict
from app.core.schemas import JsonPage, JsonRow, Representation, Schema
from app.web.preconditions import refuse
from app.web.response_headers import Header

_JSON: Header = (b"content-type", b"application/json")
# A shared cache may keep nothing, a private one asks each time: what is seen depends on who asks.
_PRIVATE: tuple[Header, ...] = (
    (b"cache-control", b"private, no-cache"),
    (b"vary", b"Authorization"),
)
# What a 304 has of the answer that it stands for (RFC 9110, section 15.4.5).
_KEPT_UNCHANGED = (b"etag", b"cache-control", b"vary", b"link", b"x-cache")


def represent_row(row: JsonRow) -> Representation:
    """A row, with its version as the `ETag`."""
    return Representation(b'"%d"' % row.version, row.body.encode())


def represent_page(page: JsonPage, path: str, query: Mapping[str, Any]) -> Representation:
    """A page, with a hash of it as the `ETag`; `path` and `query` are where it was asked for."""
    cursor = orjson.dumps(page.next_cursor).decode()
    total = "" if page.total is None else f',"total":{page.total}'
    body = f'{{"items":[{",".join(page.items)}],"next_cursor":{cursor}{total}}}'.encode()
    link = b""
    if page.next_cursor is not None:
        following = urlencode({**query, "cursor": page.next_cursor}, doseq=True)
        link = f'<{path}?{following}>; rel="next"'.encode()
    return Representation(etag_of(body), body, link, page.valid_until)


class RepresentationResponse(Response):
    """A row or a page, read, written or out of the cache."""

    def __init__(self, representation: Representation, status: int = 200) -> None:
        # Not Starlette's own, which would look for what is known here.
        self.status_code = status
        self.background = None
        self.representation = representation
        self.body = representation.body
        self.raw_headers = [
            (b"content-length", b"%d" % len(representation.body)),
            _JSON,
            (b"etag", representation.etag),
            *_PRIVATE,
        ]
        if representation.link:
            self.raw_headers.append((b"link", representation.link))


class SchemaResponse(Response):
    """A representation that no row stands for."""

    media_type = "application/json"

    def render(self, content: Schema) -> bytes:
        """Its JSON."""
        return content.model_dump_json(by_alias=True).encode()


def conditional(response: Response, preconditions: Expected) -> Response:
    """The answer to a read with the `ETag` of what it is now, or a 304 in its place.

    Raises `VersionConflict`, also for preconditions on a stream, which is made while it leaves.
    """
    if response.status_code >= 300:
        return response
    if isinstance(response, RepresentationResponse):
        etag = response.representation.etag
    elif hasattr(response, "body"):
        etag = etag_of(response.body)
        response.raw_headers.append((b"etag", etag))
    else:
        refuse(preconditions)
        return response
    tag = etag.decode()
    if not preconditions.matches(tag):
        raise VersionConflict(tag)
    if not preconditions.excludes(tag):
        return response
    unchanged = Response(status_code=304)
    unchanged.raw_headers = [
        header for header in response.raw_headers if header[0] in _KEPT_UNCHANGED
    ]
    return unchanged


def etag_of(body: bytes | memoryview) -> bytes:
    """The entity tag of what has no version: a hash of it."""
    return b'"%b"' % blake2b(body, digest_size=12).hexdigest().encode()
