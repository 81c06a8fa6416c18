"""Time zones: the names and rules of the IANA database, as the locked package `tzdata` has them.

Never as this machine or PostgreSQL has them: an answer goes by one set of rules, on any machine.
"""

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

_PACKAGE = files("tzdata")
# Factory is no zone but says that none is set.
NAMES = frozenset(_PACKAGE.joinpath("zones").read_text("utf-8").split()) - {"Factory"}
# More than any number of `rules`.
MAX_RULES = 2**56
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """A zone's rules; those of UTC for a name that only other versions of `tzdata` have."""
    with _file(name if name in NAMES else "UTC").open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@lru_cache(maxsize=1024)
def rules(name: str) -> int:
    """A number above 0, up to `MAX_RULES`, that is another one where a zone's rules are others."""
    return int.from_bytes(blake2b(_file(name).read_bytes(), digest_size=7).digest(), "big") or 1


def _file(name: str) -> Traversable:
    return _PACKAGE.joinpath("zoneinfo", *name.split("/"))


def instant_of(clock: datetime, name: str) -> datetime:
    """The instant in UTC at which a zone's clocks show this.

    A time that the clocks skip counts as before the change (RFC 5545, section 3.3.5), one that
    they show twice as its first. Raises `OverflowError`.
    """
    return clock.replace(tzinfo=zone(name)).astimezone(UTC)


def clocks_before(instant: datetime, name: str) -> list[tuple[datetime | None, datetime]]:
    """Which wall clocks of a zone have an instant (`instant_of`) before this one.

    They are ranges, each from its start, if it has one, up to its end. One will do but where clocks
    skip an hour: of 02:30, which counts as 03:30, and 03:00, the later one comes first.
    """
    middle = instant.astimezone(UTC).replace(tzinfo=None)
    # No clock is a day away from UTC, and none is changed twice within two days.
    first = plus(middle, -_DAY).replace(microsecond=0)
    last = plus(middle, _DAY)
    before, after = (_offset(clock, name) for clock in (first, last))
    ranges: list[tuple[datetime | None, datetime]] = [(None, plus(middle, before))]
    if before != after:
        seconds = range((last - first) // _SECOND)
        unchanged = bisect_left(
            seconds, True, key=lambda second: _offset(first + second * _SECOND, name) != before
        )
        # The first clock that counts as after the change.
        change = first + unchanged * _SECOND
        ranges = [(None, min(change, plus(middle, before)))]
        if change < plus(middle, after):
            ranges.append((change, plus(middle, after)))
    return ranges


def _offset(clock: datetime, name: str) -> timedelta:
    return clock.replace(tzinfo=zone(name)).utcoffset() or timedelta()


def plus(clock: datetime, time: timedelta) -> datetime:
    """A clock so much later, but never past the first and the last that there are."""
    try:
        return clock + time
    except OverflowError:
        return datetime.min if time < timedelta() else datetime.max  # noqa: DTZ901 - clocks


def _known(name: str) -> str:
    if name not in NAMES:
        raise PydanticCustomError(
            "unknown_timezone",
            "must be a time zone of the IANA database, such as Europe/Berlin",
        )
    return name


# The pattern is for the document; which names there are, changes with the database.
_PATTERN = r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$"
TimeZone = Annotated[
    str,
    AfterValidator(_known),
    Field(examples=["Europe/Berlin"], json_schema_extra={"pattern": _PATTERN}),
]
