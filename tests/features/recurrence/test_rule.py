"""What is a rule, and what is none: RFC 5545's grammar and section 3.3.10."""

import contextlib
import time
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.features.recurrence.rule import Frequency, Rule, RuleInvalid, parse
from tests.features.recurrence.rules import rules

EVERY_MINUTE = ",".join(str(minute) for minute in range(60))


def test_each_part() -> None:
    assert parse(
        "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=12,1;BYYEARDAY=-1;BYMONTHDAY=+31,-31;"
        "BYDAY=MO,-1FR,+53SU;BYHOUR=0,23;BYMINUTE=59;BYSETPOS=-366;WKST=SU"
    ) == Rule(
        Frequency.YEARLY,
        interval=2,
        count=10,
        months=(1, 12),
        year_days=(-1,),
        month_days=(-31, 31),
        weekdays=((-1, 4), (0, 0), (53, 6)),
        hours=(0, 23),
        minutes=(59,),
        set_positions=(-366,),
        week_start=6,
    )
    assert parse("byday=mo;freq=weekly;wkst=mo") == Rule(Frequency.WEEKLY, weekdays=((0, 0),))
    assert parse("FREQ=YEARLY;BYWEEKNO=1,-1").week_numbers == (-1, 1)


@pytest.mark.parametrize(
    ("value", "until"),
    [
        ("20261231", date(2026, 12, 31)),
        ("20261231T090000", datetime(2026, 12, 31, 9)),  # noqa: DTZ001
        ("20261231T090000Z", datetime(2026, 12, 31, 9, tzinfo=UTC)),
    ],
)
def test_until_is_a_date_a_wall_clock_or_an_instant(value: str, until: date) -> None:
    assert parse(f"FREQ=DAILY;UNTIL={value}").until == until


@pytest.mark.parametrize(
    "text",
    [
        "",
        "FREQ",
        "FREQ=",
        "FREQ=DAILY;",
        ";FREQ=DAILY",
        "FREQ=DAILY;;COUNT=2",
        "INTERVAL=2",
        "FREQ=DAILY;FREQ=DAILY",
        "FREQ=DAILY;COUNT=2;COUNT=3",
        "FREQ=SECONDLY",
        "FREQ=MINUTELY",
        "FREQ=FORTNIGHTLY",
        "FREQ=DAILY;BYSECOND=1",
        "FREQ=DAILY;BYEASTER=0",
        "FREQ=DAILY;X-PART=1",
        "RRULE:FREQ=DAILY",
        "RRULE=FREQ=DAILY",
        "FREQ=DAILY\nEXDATE:20261201",
        "FREQ=DAILY\r\nDTSTART:20261201T090000",
        "FREQ=DAILY ",
        " FREQ=DAILY",
        "FREQ = DAILY",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=1001",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=DAILY;INTERVAL=+1",
        "FREQ=DAILY;INTERVAL=1.5",
        "FREQ=DAILY;INTERVAL=1_0",
        "FREQ=DAILY;INTERVAL=\u0661",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;COUNT=10001",
        "FREQ=DAILY;COUNT=2;UNTIL=20261231",
        "FREQ=DAILY;UNTIL=20260230",
        "FREQ=DAILY;UNTIL=00000101",
        "FREQ=DAILY;UNTIL=2026-12-31",
        "FREQ=DAILY;UNTIL=20261231T0900",
        "FREQ=DAILY;UNTIL=20261231T240000",
        "FREQ=DAILY;UNTIL=20261231T240000Z",
        "FREQ=DAILY;UNTIL=20261231T090000+0100",
        "FREQ=DAILY;UNTIL=20261231Z",
        "FREQ=YEARLY;BYMONTH=0",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=YEARLY;BYMONTH=-1",
        "FREQ=YEARLY;BYMONTH=",
        "FREQ=YEARLY;BYMONTH=1,",
        "FREQ=YEARLY;BYMONTH=1,,2",
        "FREQ=YEARLY;BYMONTH=001",
        "FREQ=YEARLY;BYWEEKNO=54",
        "FREQ=YEARLY;BYWEEKNO=0",
        "FREQ=MONTHLY;BYWEEKNO=1",
        "FREQ=YEARLY;BYYEARDAY=367",
        "FREQ=MONTHLY;BYYEARDAY=1",
        "FREQ=WEEKLY;BYYEARDAY=1",
        "FREQ=DAILY;BYYEARDAY=1",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYMONTHDAY=-32",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=WEEKLY;BYMONTHDAY=1",
        "FREQ=WEEKLY;BYDAY=1MO",
        "FREQ=DAILY;BYDAY=-1MO",
        "FREQ=YEARLY;BYWEEKNO=1;BYDAY=1MO",
        "FREQ=MONTHLY;BYDAY=0MO",
        "FREQ=MONTHLY;BYDAY=54MO",
        "FREQ=MONTHLY;BYDAY=MON",
        "FREQ=MONTHLY;BYDAY=1",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;BYHOUR=-1",
        "FREQ=DAILY;BYMINUTE=60",
        "FREQ=DAILY;BYSETPOS=1",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=0",
        "FREQ=MONTHLY;BYDAY=MO;BYSETPOS=367",
        "FREQ=WEEKLY;WKST=1MO",
        "FREQ=WEEKLY;WKST=MO,TU",
        # These become ASCII where they are written in capitals.
        "FREQ=DAILY;WK\u017fT=MO",
        "FREQ=DA\u0131LY",
        "FREQ=DAILY;INTERVAL=" + "9" * 100_000,
        "FREQ=DAILY;BYHOUR=" + "1," * 50_000 + "1" * 5,
        "FREQ=DAILY;BYHOUR=" + ",".join(["1"] * 50_000),
        "FREQ=DAILY;BYHOUR=" + ",".join(["1"] * 242),
        ";" * 100_000,
    ],
)
def test_what_is_no_rule_is_refused_at_once(text: str) -> None:
    begun = time.thread_time()
    with pytest.raises(RuleInvalid) as refused:
        parse(text)
    assert time.thread_time() - begun < 0.05
    assert len(str(refused.value)) < 100


@given(rules())
def test_what_is_a_rule_is_taken(text: str) -> None:
    assert parse(text) == parse(text.lower())


@given(st.text() | st.text("FREQ=DAILY;BYMONTH0123456789,", max_size=60))
def test_other_text_is_refused_and_nothing_else(text: str) -> None:
    with contextlib.suppress(RuleInvalid):
        parse(text)
