"""Bodies, read strictly: what is not JSON as RFC 8259 has it is refused before anyone uses it."""

import asyncio
import json
import re
from itertools import islice
from typing import Any

import orjson
from fastapi import Request

from app.core import urlencoded
from app.core.errors import MalformedJson, MalformedRequest, UnsupportedMediaType, ValidationFailed

# Reading it takes milliseconds: others get their turn between its parts.
_LARGE = 1 << 16
# What is made of a text can be twenty times its size, and takes a hundred times as long; and each
# field that no schema knows costs an error.
_MAX_TOKENS = 2_500
_MARKS = b'"[{,'
# A string, one without an end too, or what stands between values.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[{,]', re.DOTALL)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key is repeated")
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


def _check_tokens(body: bytes) -> None:
    """Raise `ValidationFailed` for more names and values than any schema takes, parsing nothing."""
    # Text may have as many of these marks, which are no tokens.
    if len(body) - len(body.translate(None, _MARKS)) > _MAX_TOKENS:
        tokens = _TOKEN.finditer(body)
        if next(islice(tokens, _MAX_TOKENS, None), None) is not None:
            raise ValidationFailed.at("", "too_long", "has too many names and values")


def parse_form(body: bytes) -> list[tuple[str, str]]:
    """The fields of a form. Raises `MalformedRequest`: which of two would count?"""
    try:
        fields = urlencoded.parse(body)
    except UnicodeDecodeError:
        raise MalformedRequest("The form is not in UTF-8.") from None
    except ValueError:
        raise MalformedRequest("There are too many parameters.") from None
    if len({name for name, _ in fields}) < len(fields):
        raise MalformedRequest("A parameter is repeated.")
    return fields


async def read_body(request: Request, media_types: tuple[str, ...]) -> tuple[bytes, dict[str, Any]]:
    """The body, and as `body` the value of its JSON or the fields of its form, if it is not empty.

    Raises `UnsupportedMediaType`, `MalformedRequest`, `MalformedJson`, `ValidationFailed`.
    """
    content = bytearray()
    media_type = ""
    async for part in request.stream():
        if part and not content:
            media_type = _media_type(request, media_types)
        content += part
    body = bytes(content)
    if not body:
        return body, {}
    if not media_type.endswith("json"):
        # A field without a value is as one that was left out (RFC 6749, section 3.2).
        return body, {"body": {name: value for name, value in parse_form(body) if value}}
    is_large = len(body) > _LARGE
    _check_tokens(body)
    if is_large:
        await asyncio.sleep(0)
    value = parse_json(body)
    if is_large:
        await asyncio.sleep(0)
    return body, {"body": value}


def _media_type(request: Request, media_types: tuple[str, ...]) -> str:
    """What the body is said to be. Its parameters say nothing: text is UTF-8."""
    codings = ",".join(request.headers.getlist("content-encoding")).lower().split(",")
    if {coding.strip() for coding in codings} - {"", "identity"}:
        raise UnsupportedMediaType(
            "Send the body without a content coding.", headers={"Accept-Encoding": "identity"}
        )
    content_types = request.headers.getlist("content-type")
    if len(content_types) > 1:
        raise MalformedRequest("The Content-Type header was sent more than once.")
    media_type = "".join(content_types).partition(";")[0].strip().lower()
    if media_type not in media_types:
        raise UnsupportedMediaType(
            f"Send {' or '.join(media_types)}.", headers={"Accept": ", ".join(media_types)}
        )
    return media_type
