"""Bodies, read strictly: what is not JSON as RFC 8259 has it is refused before anyone uses it."""

import json
from typing import Any

import orjson

from app.core.errors import MalformedJson


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
