"""Bodies, read strictly: what is not JSON as RFC 8259 has it is refused before anyone uses it."""

import json
from typing import Any

import orjson
from fastapi import Request
from fastapi.datastructures import QueryParams
from starlette.types import Receive, Scope

from app.core.errors import MalformedJson, MalformedRequest, UnsupportedMediaType

# The value of a body that is not there.
ABSENT = object()


class _DuplicateKey(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _DuplicateKey
    return result


_decoder = json.JSONDecoder(object_pairs_hook=_object)


def parse_json(body: bytes) -> Any:
    """The value of a JSON text in UTF-8.

    Raises `MalformedJson` for duplicate keys, NaN and infinities, lone surrogates, other
    encodings, and nesting or numbers too large to read.
    """
    try:
        # orjson is the strict judge (UTF-8, surrogates, NaN, depth), but it does not see
        # duplicate keys and turns large integers into floats; the standard library does not.
        orjson.loads(body)
        return _decoder.decode(body.decode())
    except (ValueError, RecursionError):
        raise MalformedJson from None


class StrictRequest(Request):
    """A request whose query and body were read already, and are not parsed again.

    `pairs` are the query's parameters in their order, `value` is the body's JSON.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self.pairs: list[tuple[str, str]] = []
        self.value: Any = ABSENT

    @classmethod
    def of(cls, request: Request) -> "StrictRequest":
        """The same request, with what was read of it."""
        if isinstance(request, StrictRequest):
            return request
        strict = cls(request.scope, request.receive)
        if hasattr(request, "_body"):
            strict._body = request._body
        return strict

    @property
    def query_params(self) -> QueryParams:
        """As FastAPI reads them."""
        return QueryParams(self.pairs)

    async def json(self) -> Any:
        """The body's value."""
        return self.value


async def read_body(request: StrictRequest, media_types: tuple[str, ...]) -> None:
    """Read the body, and parse it if it is JSON.

    Raises `UnsupportedMediaType`, `MalformedRequest`, `MalformedJson`.
    """
    body = await request.body()
    if not body:
        return
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType(
            "Send the body without a content coding.", headers={"Accept-Encoding": "identity"}
        )
    content_types = request.headers.getlist("content-type")
    if len(content_types) > 1:
        raise MalformedRequest("The Content-Type header was sent more than once.")
    media_type, _, parameters = "".join(content_types).lower().partition(";")
    media_type = media_type.strip()
    charset = parameters.replace('"', "").strip()
    if media_type not in media_types or charset not in ("", "charset=utf-8"):
        raise UnsupportedMediaType(
            f"Send {' or '.join(media_types)}.",
            headers={"Accept": ", ".join(media_types)},
        )
    if media_type.endswith("json"):
        request.value = parse_json(body)
