"""`tickbox doctor` on certificates."""

from datetime import timedelta
from pathlib import Path

import pytest

from app.core.clock import utc_now
from app.core.config import Settings
from tests.certificates import Authority, Files
from tests.core.doctor.examined import Found, cases, examined, found, only


@pytest.fixture
def files(tmp_path: Path) -> Files:
    issued = Authority().issue(tmp_path)
    issued.key.chmod(0o600)
    return issued


async def after(days: float, settings: Settings, files: Files) -> Found:
    with cases(settings, **files.environment) as case:
        case.now = lambda: utc_now() + timedelta(days=days)
        return await found(case)


async def test_none(settings: Settings) -> None:
    assert only((await examined(settings))["certificate"], "ok").startswith("none is set")


async def test_its_life(settings: Settings, files: Files) -> None:
    assert only((await after(0, settings, files))["certificate"], "ok").startswith("good until 20")
    assert "it ends on " in only((await after(25, settings, files))["certificate"], "warning")
    assert "it ended on " in only((await after(31, settings, files))["certificate"], "failed")
    assert "it begins on " in only((await after(-100, settings, files))["certificate"], "failed")


async def test_a_key_that_others_can_read(settings: Settings, files: Files) -> None:
    files.key.chmod(0o644)
    findings = await after(0, settings, files)
    assert "`chmod 600`" in only(findings["certificate"], "warning")


async def test_files_that_are_no_good(settings: Settings, files: Files) -> None:
    files.key.write_bytes(files.certificate.read_bytes())
    findings = await after(0, settings, files)
    assert "is no private key in PEM" in only(findings["certificate"], "failed")


async def test_one_without_the_other(settings: Settings, files: Files) -> None:
    findings = await examined(
        settings, TICKBOX_TLS_CERT=str(files.certificate), TICKBOX_PROXIES="geheim"
    )
    assert {finding.state for finding in findings["settings"]} == {"failed"}
    assert len(findings["settings"]) == 2
    assert only(findings["certificate"], "skipped") == "TICKBOX_TLS_KEY is not set"
