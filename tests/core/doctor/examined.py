"""What `tickbox doctor` finds where the environment says this."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pydantic import SecretStr

from app.core.config import Settings
from app.core.doctor.case import Case, embedded_servers, read
from app.core.doctor.examination import examine
from app.core.doctor.finding import Finding
from app.models import Base
from tests.commands import environment

CANARY = "geheim-4711"

Found = dict[str, list[Finding]]


@contextmanager
def cases(settings: Settings | None = None, **variables: str) -> Iterator[Case]:
    """The case that these settings and variables make."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TICKBOX_")]:
            patch.delenv(name)
        # With servers of one's own the service's URL is set too.
        usual = {} if settings is None else {"TICKBOX_ISSUER": "https://tickbox.example"}
        given = environment(settings, **{**usual, **variables})
        for name, value in given.items():
            patch.setenv(name, value)
        case = read(given, frozenset(Base.metadata.tables))
        with embedded_servers(case):
            yield case


async def found(case: Case) -> Found:
    """By the names of the checks, in their order."""
    findings: Found = {}
    async for name, finding in examine(case):
        assert "\n" not in finding.text
        assert CANARY not in finding.text
        findings.setdefault(name, []).append(finding)
    return findings


async def examined(settings: Settings | None = None, **variables: str) -> Found:
    """What is found in such a case."""
    with cases(settings, **variables) as case:
        return await found(case)


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
