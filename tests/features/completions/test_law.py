"""Any rule, from any start in any zone, occurs as a day-by-day check says."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.features.completions.repeating import at, occurrences, problem, recurrence
from tests.features.recurrence import day_by_day
from tests.features.recurrence.rules import STARTS, rules
from tests.people import Person

_ZONES = [None, "UTC", "Europe/Berlin", "America/Sao_Paulo", "Pacific/Apia", "Australia/Lord_Howe"]
_LIMIT = 50


def _instant(clock: datetime, timezone: str) -> datetime:
    return clock.replace(tzinfo=ZoneInfo(timezone)).astimezone(UTC)


@settings(max_examples=10 * settings().max_examples)
@given(
    rule=rules(),
    start=STARTS,
    timezone=st.sampled_from(_ZONES),
    end=st.sampled_from(["", "COUNT", "UNTIL", "UNTIL a day"]),
    left=st.integers(2, 40),
)
async def test_any_rule_occurs_as_a_day_by_day_check_says(
    ada: Person, rule: str, start: datetime, timezone: str | None, end: str, left: int
) -> None:
    days = 60 if rule.startswith("FREQ=HOURLY") else 1_500
    wanted = day_by_day.occurrences(rule, start, days)
    until = start + timedelta(days=left)
    if end == "COUNT":
        rule += f";COUNT={left}"
        wanted = wanted[:left]
    elif end == "UNTIL a day":
        rule += f";UNTIL={until:%Y%m%d}"
        wanted = [one for one in wanted if one.date() <= until.date()]
    elif end and timezone is not None:
        rule += f";UNTIL={_instant(until, timezone):%Y%m%dT%H%M%SZ}"
        last = _instant(until, timezone)
        wanted = [one for one in wanted if _instant(one, timezone) <= last]
    elif end:
        rule += f";UNTIL={until:%Y%m%dT%H%M%S}"
        wanted = [one for one in wanted if one <= until]
    body = {"due": at(start.isoformat(), timezone), "recurrence": recurrence(rule)}

    response = await ada.client.post("/v1/todos", json={"title": "Water", **body})

    if response.status_code == 422:
        assert problem(response) == (422, "rrule_ends", ["/recurrence/rrule"])
        assert wanted == [start]
        return
    assert response.status_code == 201, response.text
    found = await occurrences(ada, response.json(), _LIMIT)
    assert {one["timezone"] for one in found} == {timezone}
    clocks = [datetime.fromisoformat(one["datetime"]) for one in found]
    assert [one for one in clocks if one <= start + timedelta(days)] == wanted[:_LIMIT]
