"""What the clocks of a zone show, asked of instants alone: the oracle of all that goes by zones."""

from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from io import BytesIO
from zoneinfo import ZoneInfo

NAMES = sorted(set(files("tzdata").joinpath("zones").read_text().split()) - {"Factory"})
# With changes of half an hour, of a whole day, of negative summer time, at midnight.
ODD_NAMES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
    "America/Havana",
    "America/Nuuk",
    "Asia/Beirut",
    "Europe/Dublin",
    "Antarctica/Troll",
]


def file_of(name: str) -> bytes:
    """A zone's file of the package."""
    return files("tzdata").joinpath("zoneinfo", *name.split("/")).read_bytes()


@cache
def rules_of(name: str) -> ZoneInfo:
    """A zone as the package has it."""
    return ZoneInfo.from_file(BytesIO(file_of(name)), key=name)


def shown(instant: datetime, name: str) -> datetime:
    """What the clocks show at an instant."""
    return instant.astimezone(rules_of(name)).replace(tzinfo=None)


def instant_of(clock: datetime, name: str) -> datetime:
    """The first instant at which the clocks show this; if they skip it, what it would have been.

    That is as if they had not been changed yet (RFC 5545, section 3.3.5).
    """
    near = clock.replace(tzinfo=UTC)
    around = [near + timedelta(hours=hours) for hours in range(-30, 31)]
    offsets = {shown(instant, name) - instant.replace(tzinfo=None) for instant in around}
    at = [near - offset for offset in offsets if shown(near - offset, name) == clock]
    if at:
        return min(at)
    before = around[0]
    return near - (shown(before, name) - before.replace(tzinfo=None))


def changes(name: str, year: int) -> list[datetime]:
    """The instants of a year at which the clocks are changed."""

    def offset(instant: datetime) -> timedelta:
        return shown(instant, name) - instant.replace(tzinfo=None)

    found = []
    for day in range(366):
        low = datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=day)
        high = low + timedelta(days=1)
        if offset(low) == offset(high):
            continue
        while high - low > timedelta(seconds=1):
            half = low + (high - low) // timedelta(seconds=2) * timedelta(seconds=1)
            low, high = (half, high) if offset(half) == offset(low) else (low, half)
        found.append(high)
    return found
