"""Rules that RFC 5545 allows and their starts, made by Hypothesis."""

from datetime import datetime, timedelta

from hypothesis import strategies as st

from tests.features.recurrence.day_by_day import DAYS

# Over a leap year, and a year that has none where one would be.
STARTS = st.integers(0, 3_000_000_000).map(
    lambda seconds: datetime.fromisoformat("1999-01-01T00:00") + timedelta(seconds=seconds)
)


def some(values: st.SearchStrategy[str], most: int = 3) -> st.SearchStrategy[str]:
    return st.lists(values, min_size=1, max_size=most, unique=True).map(",".join)


def signed(most: int) -> st.SearchStrategy[str]:
    return st.integers(1, most).flatmap(lambda n: st.sampled_from([str(n), f"-{n}"]))


@st.composite
def rules(draw: st.DrawFn) -> str:
    frequency = draw(st.sampled_from(["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY"]))
    parts = [f"FREQ={frequency}"]

    def maybe(name: str, values: st.SearchStrategy[str]) -> bool:
        value = draw(st.none() | values)
        if value is not None:
            parts.append(f"{name}={value}")
        return value is not None

    maybe("INTERVAL", st.integers(1, 5).map(str))
    maybe("WKST", st.sampled_from(DAYS))
    by = [maybe("BYMONTH", some(st.integers(1, 12).map(str)))]
    by_week = frequency == "YEARLY" and maybe("BYWEEKNO", some(signed(53)))
    if frequency in ("YEARLY", "HOURLY"):
        by.append(maybe("BYYEARDAY", some(signed(366), 8)))
    if frequency != "WEEKLY":
        by.append(maybe("BYMONTHDAY", some(signed(31))))
    day = st.sampled_from(DAYS)
    if frequency in ("YEARLY", "MONTHLY") and not by_week:
        day |= st.tuples(signed(5), day).map("".join)
    by.append(maybe("BYDAY", some(day, 7)))
    by.append(maybe("BYHOUR", some(st.integers(0, 23).map(str))))
    by.append(maybe("BYMINUTE", some(st.integers(0, 59).map(str))))
    if by_week or any(by):
        maybe("BYSETPOS", some(signed(10), 2))
    return ";".join(parts)
