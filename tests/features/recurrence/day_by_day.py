"""What a rule means, minute by minute: slow, and without a line of what it checks."""

import calendar
from collections.abc import Iterator
from datetime import date, datetime, timedelta

DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
OF_WEEKDAYS = {"YEARLY", "MONTHLY"}


def occurrences(text: str, start: datetime, days: int) -> list[datetime]:
    """The start and what follows it, in so many days; `COUNT` and `UNTIL` are not looked at."""
    parts = dict(part.split("=") for part in text.split(";"))
    found = {start}
    first = period(parts, start)
    day = datetime.combine(start.date() - timedelta(400), datetime.min.time())
    sets: dict[int, list[datetime]] = {}
    while day < start + timedelta(days + 400):
        for moment in times(parts, day, start) if chosen(parts, day.date(), start) else ():
            sets.setdefault(period(parts, moment), []).append(moment)
        day += timedelta(1)
    for number, moments in sets.items():
        if (number - first) % int(parts.get("INTERVAL", 1)) == 0:
            found.update(one for one in positioned(parts, sorted(moments)) if one > start)
    return sorted(one for one in found if one <= start + timedelta(days))


def period(parts: dict[str, str], moment: datetime) -> int:
    day = moment.date()
    return {
        "YEARLY": day.year,
        "MONTHLY": day.year * 12 + day.month,
        "WEEKLY": (day - timedelta(DAYS.index(parts.get("WKST", "MO")))).toordinal() - 1,
        "DAILY": day.toordinal(),
        "HOURLY": day.toordinal() * 24 + moment.hour,
    }[parts["FREQ"]] // (7 if parts["FREQ"] == "WEEKLY" else 1)


def numbers(parts: dict[str, str], name: str) -> set[int]:
    return {int(one) for one in parts[name].split(",")} if name in parts else set()


def times(parts: dict[str, str], day: datetime, start: datetime) -> Iterator[datetime]:
    hourly = parts["FREQ"] == "HOURLY"
    hours = numbers(parts, "BYHOUR") or (set(range(24)) if hourly else {start.hour})
    for hour in hours:
        for minute in numbers(parts, "BYMINUTE") or {start.minute}:
            yield day.replace(hour=hour, minute=minute, second=start.second)


def positioned(parts: dict[str, str], moments: list[datetime]) -> list[datetime]:
    wanted = numbers(parts, "BYSETPOS")
    size = len(moments)
    return [
        one
        for number, one in enumerate(moments, 1)
        if not wanted or number in wanted or number - size - 1 in wanted
    ]


def chosen(parts: dict[str, str], day: date, start: datetime) -> bool:
    month_size = calendar.monthrange(day.year, day.month)[1]
    year_size = 365 + calendar.isleap(day.year)
    year_day = int(day.strftime("%j"))
    if "BYMONTH" in parts and day.month not in numbers(parts, "BYMONTH"):
        return False
    if "BYMONTHDAY" in parts and numbers(parts, "BYMONTHDAY").isdisjoint(
        {day.day, day.day - month_size - 1}
    ):
        return False
    if "BYYEARDAY" in parts and numbers(parts, "BYYEARDAY").isdisjoint(
        {year_day, year_day - year_size - 1}
    ):
        return False
    if "BYWEEKNO" in parts and numbers(parts, "BYWEEKNO").isdisjoint(
        week_numbers(day, DAYS.index(parts.get("WKST", "MO")))
    ):
        return False
    if "BYDAY" in parts:
        by_year = parts["FREQ"] == "YEARLY" and "BYMONTH" not in parts
        place, size = (year_day, year_size) if by_year else (day.day, month_size)
        name = DAYS[day.weekday()]
        first, last = (place + 6) // 7, -((size - place + 7) // 7)
        names = {name, f"{first}{name}", f"+{first}{name}", f"{last}{name}"}
        return not names.isdisjoint(parts["BYDAY"].split(","))
    return implied(parts, day, start)


def implied(parts: dict[str, str], day: date, start: datetime) -> bool:
    """What the start says, since the rule chooses no day of a week, a month or a year."""
    if "BYMONTHDAY" in parts or "BYYEARDAY" in parts or parts["FREQ"] in ("DAILY", "HOURLY"):
        return True
    if "BYWEEKNO" in parts or parts["FREQ"] == "WEEKLY":
        return day.weekday() == start.weekday()
    return day.day == start.day and (
        parts["FREQ"] == "MONTHLY" or "BYMONTH" in parts or day.month == start.month
    )


def week_numbers(day: date, week_start: int) -> set[int]:
    begin = day - timedelta((day.weekday() - week_start) % 7)
    year = (begin + timedelta(3)).year
    weeks = []
    # Weeks belong to the year that has four of their days.
    week = begin - timedelta(7 * 60)
    while week <= begin + timedelta(7 * 60):
        if (week + timedelta(3)).year == year:
            weeks.append(week)
        week += timedelta(7)
    place = weeks.index(begin) + 1
    return {place, place - len(weeks) - 1}
