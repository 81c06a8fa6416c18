"""What `tickbox doctor` finds where the environment says this."""

import asyncio
import os
from collections.abc import Callable
from datetime import datetime

import pytest
from pydantic import SecretStr

from app.cli.doctor.examination import examine
from app.cli.doctor.finding import Finding
from app.core.clock import utc_now
from app.core.settings import Settings
from tests.commands import environment

CANARY = "geheim-4711"

Found = dict[str, list[Finding]]


async def examined(settings: Settings | None = None, /, **variables: str) -> Found:
    """By the names of the checks, in their order."""
    return await examined_at(utc_now, settings, **variables)


async def examined_at(
    now: Callable[[], datetime], settings: Settings | None, /, **variables: str
) -> Found:
    """The same, by another clock of this machine."""
    # With stores of one's own the service's URL is set too.
    usual = {} if settings is None else {"TICKBOX_ISSUER": "https://tickbox.example"}
    given = environment(settings, **{**usual, **variables})
    findings: Found = {}
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TICKBOX_")]:
            patch.delenv(name)
        for name, value in given.items():
            patch.setenv(name, value)
        for finding in await asyncio.to_thread(examine, given, now):
            assert "\n" not in finding.text
            assert CANARY not in finding.text
            findings.setdefault(finding.check, []).append(finding)
    return findings


def only(findings: list[Finding], state: str) -> str:
    """The text of the one thing that was found, which is this."""
    [finding] = findings
    assert finding.state == state, finding
    return finding.text


def states(findings: Found) -> dict[str, set[str]]:
    return {name: {finding.state for finding in each} for name, each in findings.items()}


def url_of(settings: Settings) -> str:
    assert isinstance(settings.database_url, SecretStr)
    return settings.database_url.get_secret_value()
