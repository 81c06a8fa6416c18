"""Where a day ends: on the clocks of a zone, and as an instant."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from app.core.timezones import instant_of, zone


@dataclass(frozen=True, slots=True)
class Midnight:
    """A midnight as the clocks of a zone show it, and the instant at which it is (UTC)."""

    clock: datetime
    instant: datetime


def midnight_after(now: datetime, name: str, days: int = 0) -> Midnight:
    """The end of the day that it is now in a zone, or of the one so many days later."""
    day = now.astimezone(zone(name)).date() + timedelta(days=days + 1)
    clock = datetime.combine(day, time.min)
    return Midnight(clock, instant_of(clock, name))
