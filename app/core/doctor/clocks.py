"""Clocks: those of this machine, PostgreSQL and Redis agree, and time zones are known to both."""

import zoneinfo
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.core.doctor.case import Case
from app.core.doctor.finding import Finding, Findings, failed, ok, skipped, warning

# Beyond this other processes' tokens are refused (`security.py`), and sessions that ended are
# forgotten before their tokens have expired (`sessions/ended.py`).
_TOO_FAR = timedelta(seconds=30)
_FAR = timedelta(seconds=2)

_NOW = text("SELECT clock_timestamp()")
_UNKNOWN = text(
    """
    SELECT count(*) FROM unnest(CAST(:names AS text[])) AS wanted (zone)
    WHERE NOT EXISTS (SELECT FROM pg_timezone_names WHERE lower(name) = lower(wanted.zone))
    """
)


async def check_clocks(case: Case) -> Findings:
    """Each that was reached."""
    asked: dict[str, Callable[[], Awaitable[datetime]]] = {}
    if case.database is not None:
        asked["PostgreSQL"] = lambda: case.database.scalar(_NOW)
    if case.redis is not None:
        asked["Redis"] = lambda: _time_of(case)
    worst = "ok"
    for name, ask in asked.items():
        try:
            finding = _compared(name, await _ahead(case, ask))
        except (SQLAlchemyError, RedisError, OSError) as error:
            finding = skipped(f"{name} does not tell the time ({type(error).__name__})")
        if finding is not None:
            worst = finding.state
            yield finding
    if not asked:
        yield skipped("neither PostgreSQL nor Redis was reached")
    elif worst == "ok":
        yield ok(f"within {_FAR.seconds} s of {' and '.join(asked)}")


async def check_time_zones(case: Case) -> Findings:
    """Each that an account may have is known to PostgreSQL, which computes with it."""
    names = sorted(zoneinfo.available_timezones() - {"localtime", "Factory"})
    if not names:
        yield failed("there is no database of time zones: install the package tzdata")
        return
    if case.database is None:
        yield skipped("PostgreSQL was not reached")
        return
    unknown = await case.database.scalar(_UNKNOWN, {"names": names})
    if unknown:
        yield warning(
            f"PostgreSQL does not know {unknown} of {len(names)} time zones, and those who choose "
            "one get errors: update the time zones on its machine"
        )
    else:
        yield ok(f"{len(names)} are known here and to PostgreSQL")


async def _ahead(case: Case, ask: Callable[[], Awaitable[datetime]]) -> timedelta:
    """By how much this machine's clock is ahead of that one."""
    before = case.now()
    there = await ask()
    after = case.now()
    return before + (after - before) / 2 - there


async def _time_of(case: Case) -> datetime:
    seconds, microseconds = await case.redis.time()
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=microseconds)


def _compared(name: str, ahead: timedelta) -> Finding | None:
    seconds = abs(ahead).total_seconds()
    if abs(ahead) <= _FAR:
        return None
    way = "ahead of" if ahead > timedelta() else "behind"
    text = f"this machine's clock is {seconds:.0f} s {way} that of {name}: set both by NTP"
    if abs(ahead) <= _TOO_FAR:
        return warning(text)
    return failed(f"{text}; until then tokens are refused, or outlive the end of their session")
