"""Times around an hour that clocks show twice: right, or left in the title."""

from datetime import UTC, datetime, timedelta

import pytest

from app.core.timezones import instant_of, zone
from app.features.quick.grammar import understand

TIMEZONE = "Europe/Berlin"
# It is 03:00 by summer time then, and so 02:00 once more.
CHANGE = datetime(2026, 10, 25, 1, tzinfo=UTC)
EACH_10_MINUTES = [CHANGE + timedelta(minutes=10 * number) for number in range(-18, 12)]


@pytest.mark.parametrize("minutes", [30, 60, 90, 180])
def test_in_some_minutes_is_after_so_many(minutes: int) -> None:
    text = f"Call in {minutes} minutes"
    left = 0
    for now in EACH_10_MINUTES:
        found = understand(text, now.astimezone(zone(TIMEZONE)), TIMEZONE, {})
        then = now + timedelta(minutes=minutes)
        if CHANGE <= then < CHANGE + timedelta(hours=1):
            left += 1
            assert (found.title, found.due, found.parts) == (text, None, [])
        else:
            assert isinstance(found.due, datetime)
            assert (found.title, instant_of(found.due, TIMEZONE)) == ("Call", then)
    assert left == 6


@pytest.mark.parametrize("rule", ["", "every day "])
def test_a_time_that_was_shown_once_is_over(rule: str) -> None:
    text = f"Call {rule}at 02:45"
    for now in EACH_10_MINUTES:
        found = understand(text, now.astimezone(zone(TIMEZONE)), TIMEZONE, {})
        if found.due is None:
            assert rule
            assert found.title == text
            assert CHANGE <= now < CHANGE + timedelta(minutes=45)
        else:
            assert isinstance(found.due, datetime)
            wait = instant_of(found.due, TIMEZONE) - now
            assert timedelta() < wait <= timedelta(hours=25)
