"""`If-Match` and `If-None-Match` (RFC 9110, section 13.1), for whatever a request is about."""

import re
from dataclasses import dataclass

from starlette.types import Scope

from app.core.errors import VersionConflict
from app.core.versions import Expected

_TAG = r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*+"'
# Section 5.6.1.2: empty elements are none.
_TAGS = re.compile(rf"[\t ,]*+(?:{_TAG}[\t ]*+(?:,[\t ,]*+|\Z))*+")
_VERSION = re.compile(r'"([1-9][0-9]{0,9})"', re.ASCII)
_MAX_VERSION = (1 << 31) - 1
# Bytes of a list: of more than a hundred tags none is looked at.
_MAX_LENGTH = 4096


# The entity tags that a header names; of what is no list of them, none.
Tags = frozenset[str]
_ANY = Tags(["*"])


def _tags(values: list[bytes]) -> Tags | None:
    """Those of a header, which may have been sent more than once; None if it was not sent."""
    if not values:
        return None
    text = b",".join(values).decode("latin-1").strip("\t ")
    if text == "*":
        return _ANY
    if len(text) > _MAX_LENGTH:
        return Tags()
    return Tags(re.findall(_TAG, text) if _TAGS.fullmatch(text) else ())


def _weak(tags: Tags) -> Tags:
    """What they are in a weak comparison (section 8.8.3.2)."""
    return Tags(tag.removeprefix("W/") for tag in tags)


def _versions(tags: Tags) -> list[int]:
    """Of these tags those that a row may have."""
    found = (_VERSION.fullmatch(tag) for tag in tags)
    versions = (int(match[1]) for match in found if match)
    return [version for version in versions if version <= _MAX_VERSION]


@dataclass(frozen=True, slots=True)
class Preconditions:
    """Those of one request; None is one that was not sent."""

    if_match: Tags | None
    if_none_match: Tags | None

    @classmethod
    def of(cls, scope: Scope) -> "Preconditions":
        """As a request has them."""
        return cls(
            _tags([value for name, value in scope["headers"] if name == b"if-match"]),
            _tags([value for name, value in scope["headers"] if name == b"if-none-match"]),
        )

    def is_unchanged(self, etag: bytes) -> bool:
        """Whether the reader has this already. Raises `VersionConflict` for a false `If-Match`."""
        match, none_match = self.if_match, self.if_none_match
        tag = etag.decode()
        if match is not None and match is not _ANY and tag not in match:
            raise VersionConflict(tag)
        return none_match is not None and (none_match is _ANY or tag in _weak(none_match))

    def refuse(self) -> None:
        """Raise `VersionConflict` for any: there is nothing to compare."""
        if self.if_match is not None or self.if_none_match is not None:
            raise VersionConflict

    def expected(self) -> Expected:
        """The same, of a row that is there."""
        match, none_match = self.if_match, self.if_none_match
        versions = None if match is None or match is _ANY else _versions(match)
        if none_match is None:
            return Expected(versions)
        if none_match is _ANY or not none_match:
            # It is there; and what names nothing that can be compared does not hold.
            return Expected([])
        return Expected(versions, _versions(_weak(none_match)))


NO_PRECONDITIONS = Preconditions(None, None)
