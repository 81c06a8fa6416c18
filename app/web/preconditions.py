"""`If-Match` and `If-None-Match` (RFC 9110, section 13.1), evaluated for reads and for writes."""

import re

from starlette.types import Scope

from app.core.context import Expected
from app.core.errors import VersionConflict

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*+"'
# Bytes of a list; in a longer one, of hundreds of tags, none is looked for.
_MAX_LENGTH = 4096
# Elements may be empty (section 5.6.1.2).
_LIST = re.compile(rf"[\t ,]*+(?:{_TAG}[\t ]*+(?:,[\t ,]*+|\Z))*+")


def preconditions_of(scope: Scope) -> Expected:
    """What a request expects, by its headers."""
    return Expected(_tags(scope, b"if-match"), _tags(scope, b"if-none-match"))


def refuse(preconditions: Expected) -> None:
    """Raise `VersionConflict` for any: there is nothing to compare."""
    if preconditions.if_match is not None or preconditions.if_none_match is not None:
        raise VersionConflict


def _tags(scope: Scope, header: bytes) -> frozenset[str] | None:
    """The entity tags that a header lists, none if it is malformed or too long; None: not sent."""
    values = [value for name, value in scope["headers"] if name == header]
    if not values:
        return None
    text = b",".join(values).decode("latin-1").strip("\t ")
    if text == "*":
        return frozenset(text)
    if len(text) > _MAX_LENGTH or not _LIST.fullmatch(text):
        return frozenset()
    return frozenset(re.findall(_TAG, text))
