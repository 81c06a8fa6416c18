"""Time zones by the rules of the locked package `tzdata`, the same on any machine."""

from datetime import UTC, datetime
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

_PACKAGE = files("tzdata")
# Factory means that no zone is set.
NAMES = frozenset(_PACKAGE.joinpath("zones").read_text("utf-8").split()) - {"Factory"}
# More than any number of `rules`.
MAX_RULES = 2**56


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """A zone's rules; those of UTC for a name that only other versions of `tzdata` have."""
    with _file(name).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@lru_cache(maxsize=1024)
def rules(name: str) -> int:
    """A hash of the rules of `zone`: above 0, and below `MAX_RULES`."""
    return int.from_bytes(blake2b(_file(name).read_bytes(), digest_size=7).digest(), "big") or 1


def _file(name: str) -> Traversable:
    return _PACKAGE.joinpath("zoneinfo", *(name if name in NAMES else "UTC").split("/"))


def instant_of(clock: datetime, name: str) -> datetime:
    """The instant in UTC at which a zone's clocks show this.

    A time that the clocks skip counts as before the change (RFC 5545, section 3.3.5), one that
    they show twice as its first. Raises `OverflowError`.
    """
    return clock.replace(tzinfo=zone(name)).astimezone(UTC)


def _known(name: str) -> str:
    if name not in NAMES:
        raise PydanticCustomError(
            "unknown_timezone",
            "must be a time zone of the IANA database, such as Europe/Berlin",
        )
    return name


# The document has a pattern instead of the names, which change with the database.
_PATTERN = r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"
TimeZone = Annotated[
    str,
    AfterValidator(_known),
    Field(examples=["Europe/Berlin"], json_schema_extra={"pattern": _PATTERN}),
]
