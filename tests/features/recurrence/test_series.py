"""The occurrences of a rule: RFC 5545's own examples, and any other against a day-by-day check."""

import time
from datetime import date, datetime, timedelta
from itertools import islice, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.features.recurrence.rule import parse
from app.features.recurrence.series import Series
from tests.features.recurrence.day_by_day import occurrences
from tests.features.recurrence.rules import STARTS, rules

# RFC 5545, section 3.8.5.3: a rule, its start, and the first days on which it says that it occurs.
EXAMPLES = [
    ("FREQ=DAILY;INTERVAL=10;COUNT=5", "1997-09-02", "09-02 09-12 09-22 10-02 10-12"),
    ("FREQ=WEEKLY;INTERVAL=2;WKST=SU", "1997-09-02", "09-02 09-16 09-30 10-14 10-28 11-11 11-25"),
    (
        "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR",
        "1997-09-01",
        "09-01 09-03 09-05 09-15 09-17 09-19 09-29 10-01 10-03 10-13 10-15 10-17 10-27 10-29 10-31",
    ),
    ("FREQ=MONTHLY;COUNT=10;BYDAY=1FR", "1997-09-05", "09-05 10-03 11-07 12-05"),
    ("FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU", "1997-09-07", "09-07 09-28 11-02 11-30"),
    ("FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", "1997-09-22", "09-22 10-20 11-17 12-22"),
    ("FREQ=MONTHLY;BYMONTHDAY=-3", "1997-09-28", "09-28 10-29 11-28 12-29"),
    ("FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1", "1997-09-30", "09-30 10-01 10-31 11-01 11-30 12-01"),
    ("FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11", "1997-09-10", "09-10 09-11"),
    ("FREQ=MONTHLY;INTERVAL=2;BYDAY=TU", "1997-09-02", "09-02 09-09 09-16 09-23 09-30 11-04 11-11"),
    ("FREQ=YEARLY;COUNT=10;BYMONTH=6,7", "1997-06-10", "06-10 07-10"),
    ("FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200", "1997-01-01", "01-01 04-10 07-19"),
    ("FREQ=YEARLY;BYDAY=20MO", "1997-05-19", "05-19"),
    ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "1997-05-12", "05-12"),
    ("FREQ=YEARLY;BYMONTH=3;BYDAY=TH", "1997-03-13", "03-13 03-20 03-27"),
    ("FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13", "1997-09-13", "09-13 10-11 11-08 12-13"),
    ("FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", "1997-09-04", "09-04 10-07 11-06"),
    ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", "1997-09-29", "09-29 10-30 11-27 12-30"),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", "1997-08-05", "08-05 08-10 08-19 08-24"),
    ("FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", "1997-08-05", "08-05 08-17 08-19 08-31"),
    ("FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", "1997-01-15", "01-15 01-30 02-15 03-15 03-30"),
]
# The same, in years to come.
LATER = [
    (
        "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13",
        "1997-09-02",
        "1997-09-02 1998-02-13 1998-03-13 1998-11-13 1999-08-13 2000-10-13",
    ),
    (
        "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8",
        "1996-11-05",
        "1996-11-05 2000-11-07 2004-11-02",
    ),
    ("FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", "1997-05-12", "1997-05-12 1998-05-11 1999-05-17"),
    ("FREQ=YEARLY;BYDAY=20MO", "1997-05-19", "1997-05-19 1998-05-18 1999-05-17"),
    (
        "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15",
        "1997-09-10",
        "1997-09-10 1997-09-11 1997-09-12 1997-09-13 1997-09-14 1997-09-15 1999-03-10 1999-03-11",
    ),
]


def first(rule: str, start: datetime, number: int) -> list[datetime]:
    return [start, *islice(Series(parse(rule), start).after(start), number - 1)]


@pytest.mark.parametrize(("rule", "start", "days"), EXAMPLES)
def test_examples_of_the_rfc_within_a_year(rule: str, start: str, days: str) -> None:
    begin = datetime.fromisoformat(f"{start}T09:00")
    wanted = [date.fromisoformat(f"{begin.year}-{day}") for day in days.split()]
    found = takewhile(lambda one: one.year == begin.year, Series(parse(rule), begin).after(begin))
    assert [begin.date(), *(one.date() for one in found)][: len(wanted)] == wanted


@pytest.mark.parametrize(("rule", "start", "days"), LATER)
def test_examples_of_the_rfc_over_years(rule: str, start: str, days: str) -> None:
    begin = datetime.fromisoformat(f"{start}T09:00")
    wanted = [date.fromisoformat(day) for day in days.split()]
    assert [one.date() for one in first(rule, begin, len(wanted))] == wanted


def test_hours_and_minutes_of_the_rfc() -> None:
    begin = datetime.fromisoformat("1997-09-02T09:00")
    every_three = first("FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T170000", begin, 9)
    assert [one.hour for one in every_three] == [9, 12, 15]
    rule = "FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40"
    twenty = first(rule, begin, 25)
    assert twenty == [begin + timedelta(minutes=20 * n) for n in range(24)] + [
        begin + timedelta(days=1)
    ]


@given(rules(), STARTS, st.integers(0, 500))
def test_any_rule_agrees_with_a_day_by_day_check(rule: str, start: datetime, skipped: int) -> None:
    days = 60 if rule.startswith("FREQ=HOURLY") else 1_500
    wanted = occurrences(rule, start, days)
    place = start + timedelta(days=skipped) if days > skipped else start
    end = start + timedelta(days)
    found = takewhile(lambda one: one <= end, Series(parse(rule), start).after(place))
    assert list(islice(found, 200)) == [one for one in wanted if one > place][:200]


@given(rules(), STARTS)
def test_where_it_is_asked_from_does_not_matter(rule: str, start: datetime) -> None:
    series = Series(parse(rule), start)
    found = list(islice(series.after(start), 6))
    for before, after in zip([start, *found], found, strict=False):
        assert next(series.after(before)) == after


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=7;BYDAY=TU",
        "FREQ=HOURLY;INTERVAL=7;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;BYSETPOS=5;BYMINUTE=0,1",
        "FREQ=WEEKLY;BYSETPOS=300;BYDAY=MO,TU,WE,TH,FR,SA,SU",
        "FREQ=DAILY;BYSETPOS=2;BYDAY=MO,TU,WE,TH,FR,SA,SU",
        f"FREQ=DAILY;BYDAY=TH,SA,TU;BYSETPOS={','.join(map(str, range(100, 210)))}",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
        "FREQ=MONTHLY;BYDAY=6MO",
        "FREQ=YEARLY;INTERVAL=1000",
        f"FREQ=HOURLY;INTERVAL=24;BYSETPOS=9;BYYEARDAY={','.join(map(str, range(1, 110)))}",
    ],
)
def test_a_rule_without_occurrences_is_known_soon(rule: str) -> None:
    start = datetime.fromisoformat("2026-11-30T09:00")
    begun = time.thread_time()
    assert list(Series(parse(rule), start).after(start)) == []
    assert time.thread_time() - begun < 0.05


def test_the_last_week_of_a_year_may_be_in_the_next_one() -> None:
    """Its number from the end is then that of a week of that year: 2003 and 2020 differ there."""
    start = datetime.fromisoformat("2002-01-01T09:00")
    series = Series(parse("FREQ=YEARLY;BYWEEKNO=-53;BYDAY=MO"), start)
    found = [one.date().isoformat() for one in islice(series.after(start), 4)]
    assert found == ["2003-12-29", "2008-12-29", "2014-12-29", "2019-12-30"]


@pytest.mark.parametrize(
    ("rule", "start"),
    [
        ("FREQ=YEARLY;INTERVAL=1000", "9500-01-01T00:00"),
        ("FREQ=YEARLY;INTERVAL=2", "9998-01-01T00:00"),
        ("FREQ=MONTHLY;INTERVAL=200", "9990-01-01T00:00"),
        ("FREQ=WEEKLY;INTERVAL=1000", "9997-12-31T00:00"),
        ("FREQ=DAILY", "9999-12-31T00:00"),
    ],
)
def test_after_the_last_year_there_is_nothing(rule: str, start: str) -> None:
    begin = datetime.fromisoformat(start)
    assert list(Series(parse(rule), begin).after(begin)) == []


def test_the_last_year_there_is_ends_it() -> None:
    start = datetime.fromisoformat("9990-01-01T00:00")
    years = [one.year for one in Series(parse("FREQ=YEARLY"), start).after(start)]
    assert years == list(range(9991, 9999))


@pytest.mark.parametrize(
    ("until", "zone", "last"),
    [
        ("20261202", None, 2),
        ("20261202T085959", None, 1),
        ("20261202T090000", None, 2),
        # 09:00 in Berlin is 08:00 in UTC.
        ("20261202T080000Z", "Europe/Berlin", 2),
        ("20261202T075959Z", "Europe/Berlin", 1),
    ],
)
def test_until(until: str, zone: str | None, last: int) -> None:
    start = datetime.fromisoformat("2026-11-30T09:00")
    series = Series(parse(f"FREQ=DAILY;UNTIL={until}"), start, zone)
    assert len(list(series.after(start))) == last


def test_a_place_before_the_start_is_followed_by_the_start() -> None:
    start = datetime.fromisoformat("2026-11-30T09:00")
    found = Series(parse("FREQ=DAILY"), start).after(start - timedelta(days=3))
    assert list(islice(found, 2)) == [start, start + timedelta(days=1)]
