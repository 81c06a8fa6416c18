"""What a row and a page are as answers: JSON, `ETag`, `Link`, and 304 where nothing changed."""

from hashlib import blake2b
from urllib.parse import urlencode

import orjson
from fastapi import Response
from starlette.types import Send

from app.core.schemas import JsonPage, JsonRow
from app.redis.response_cache import Page
from app.web.json_body import StrictRequest

RawHeaders = list[tuple[bytes, bytes]]

_JSON = (b"content-type", b"application/json")
# A shared cache may keep nothing, a private one asks each time: what is seen depends on who asks.
_PRIVATE = [(b"cache-control", b"private, no-cache"), (b"vary", b"Authorization")]


class Representation(Response):
    """JSON that has a version: what its `ETag` says."""

    media_type = "application/json"

    def __init__(self, body: bytes, etag: str) -> None:
        # Not Starlette's own: it would look for what is known here.
        self.status_code = 200
        self.background = None
        self.body = body
        self.etag = etag.encode()
        self.link = b""
        self.depends_on_time = False
        self.raw_headers: RawHeaders = [
            (b"content-length", b"%d" % len(body)),
            _JSON,
            (b"etag", self.etag),
            *_PRIVATE,
        ]

    def page(self) -> Page:
        """As the cache keeps it."""
        return Page(self.etag, self.link, bytes(self.body))


class StoredResponse(Representation):
    """A row: its JSON, and its version as the `ETag`."""

    def __init__(self, stored: JsonRow) -> None:
        super().__init__(stored.body.encode(), f'"{stored.version}"')
        self.stored = stored


class ListedResponse(Representation):
    """A page, with a hash of it as the `ETag`."""

    def __init__(self, listed: JsonPage) -> None:
        cursor = orjson.dumps(listed.next_cursor).decode()
        total = "" if listed.total is None else f',"total":{listed.total}'
        items = ",".join(listed.items)
        body = f'{{"items":[{items}],"next_cursor":{cursor}{total}}}'.encode()
        super().__init__(body, etag_of(body))
        self.depends_on_time = listed.depends_on_time
        self._next_cursor = listed.next_cursor

    def link_next(self, request: StrictRequest) -> None:
        """Say where the next page is (RFC 8288)."""
        if self._next_cursor is not None:
            others = [(name, value) for name, value in request.pairs if name != "cursor"]
            query = urlencode([*others, ("cursor", self._next_cursor)])
            self.link = f'<{request.scope["path"]}?{query}>; rel="next"'.encode()
            self.raw_headers.append((b"link", self.link))


def unchanged(response: Response) -> Response:
    """The 304 in its place."""
    kept = (b"etag", b"cache-control", b"vary", b"link", b"x-cache")
    headers = [header for header in response.raw_headers if header[0] in kept]
    response = Response(status_code=304)
    response.raw_headers = headers
    return response


def etag_of(body: bytes) -> str:
    """The entity tag of what has no version: a hash of it."""
    return f'"{blake2b(body, digest_size=12).hexdigest()}"'


async def send_page(page: Page, *, is_unchanged: bool, send: Send) -> None:
    """A read that the cache answers, as its route would."""
    headers = [(b"etag", page.etag), *_PRIVATE, (b"x-cache", b"hit")]
    if page.link:
        headers.append((b"link", page.link))
    status, body = 200, page.body
    if is_unchanged:
        status, body = 304, b""
    else:
        headers += [_JSON, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
