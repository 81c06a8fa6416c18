"""Heads of requests: how large they may be, and what one is without an offer to upgrade."""

from collections.abc import Sequence

import httptools

from app.web.response_headers import Header

# Of a request's line and headers, and of trailers after its body: ten times what browsers send.
HEAD_BYTES = 1 << 16
# Before the query: uvicorn decodes it on the event loop, 1 ms for each KiB of percent signs.
PATH_BYTES = 1 << 13
# With each header come a colon, a space and a line break.
_HEADER_EXTRA = 4


def has_long_path(url: bytes) -> bool:
    """Whether more than `PATH_BYTES` stand before the query, in as much as has come."""
    return len(url) > PATH_BYTES and b"?" not in url[: PATH_BYTES + 1]


def head_size(url: bytes, headers: Sequence[Header]) -> int:
    """How many bytes count towards `HEAD_BYTES`."""
    return len(url) + sum(len(name) + len(value) + _HEADER_EXTRA for name, value in headers)


def without_offer(
    parser: httptools.HttpRequestParser, url: bytes, headers: Sequence[Header]
) -> bytes:
    """The head that was parsed, to be parsed again, without `Upgrade`."""
    lines = [b"%b %b HTTP/%b" % (parser.get_method(), url, parser.get_http_version().encode())]
    lines += [b"%b: %b" % header for header in headers if header[0] != b"upgrade"]
    return b"\r\n".join([*lines, b"", b""])
