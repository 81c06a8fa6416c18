"""`tickbox doctor` on clocks and time zones."""

import zoneinfo
from datetime import timedelta

import pytest

from app.core.clock import utc_now
from app.core.config import Settings
from tests.core.doctor.examined import cases, examined, found, only


@pytest.mark.parametrize(
    ("seconds", "state", "said"),
    [
        (10, "warning", "this machine's clock is 10 s ahead of that of "),
        (-10, "warning", "this machine's clock is 10 s behind that of "),
        (100, "failed", "this machine's clock is 100 s ahead of that of "),
        (-100, "failed", "this machine's clock is 100 s behind that of "),
    ],
)
async def test_that_disagree(settings: Settings, seconds: int, state: str, said: str) -> None:
    with cases(settings) as case:
        case.now = lambda: utc_now() + timedelta(seconds=seconds)
        [database, redis] = (await found(case))["clock"]
    for finding, name in ((database, "PostgreSQL"), (redis, "Redis")):
        assert finding.state == state
        assert finding.text.startswith(f"{said}{name}: set both by NTP")


async def test_that_stands_still(settings: Settings) -> None:
    stopped = utc_now() - timedelta(hours=1)
    with cases(settings) as case:
        case.now = lambda: stopped
        findings = (await found(case))["clock"]
    assert {finding.state for finding in findings} == {"failed"}


async def test_that_were_not_reached(settings: Settings) -> None:
    away = {
        "TICKBOX_DATABASE_URL": "postgresql://u@127.0.0.1:1/d",
        "TICKBOX_REDIS_URL": "redis://127.0.0.1:1",
    }
    findings = await examined(settings, **away)
    assert only(findings["clock"], "skipped") == "neither PostgreSQL nor Redis was reached"


async def test_zones_that_postgresql_does_not_know(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        zoneinfo, "available_timezones", lambda: {"Europe/Berlin", "Mars/Phobos", "Factory"}
    )
    findings = await examined(settings)
    assert "does not know 1 of 2 time zones" in only(findings["time zones"], "warning")


async def test_no_zones_at_all(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoneinfo, "available_timezones", set)
    findings = await examined(settings)
    assert "install the package tzdata" in only(findings["time zones"], "failed")
