"""Bodies, read strictly: what is not JSON as RFC 8259 has it is refused before anyone uses it."""

import json
from typing import Any

import orjson
from fastapi import Request

from app.core.errors import MalformedJson, MalformedRequest, UnsupportedMediaType


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
    """A request whose body was read and parsed already."""

    parsed: Any = None

    async def json(self) -> Any:
        """The body's value, as `parse_json` made it."""
        return self.parsed


async def read_body(request: Request, media_types: tuple[str, ...]) -> Request:
    """The request, with its body read; JSON is parsed already, and not parsed again by FastAPI.

    Raises `UnsupportedMediaType`, `MalformedRequest`, `MalformedJson`.
    """
    body = await request.body()
    if not body:
        return request
    if request.headers.get("content-encoding", "identity") != "identity":
        raise UnsupportedMediaType(
            "Send the body without a content coding.", headers={"Accept-Encoding": "identity"}
        )
    if len(request.headers.getlist("content-type")) > 1:
        raise MalformedRequest("The Content-Type header was sent more than once.")
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.replace('"', "").strip().lower()
    if media_type.strip().lower() not in media_types or charset not in (
        "",
        "charset=utf-8",
    ):
        raise UnsupportedMediaType(
            f"Send {' or '.join(media_types)}.",
            headers={"Accept": ", ".join(media_types)},
        )
    if not media_type.strip().lower().endswith("json"):
        return request
    strict = StrictRequest(request.scope, request.receive)
    strict._body = body
    strict.parsed = parse_json(body)
    return strict
