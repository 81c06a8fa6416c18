"""All checks, one after the other, each within its time."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import typer

from app.core.doctor.case import Case
from app.core.doctor.certificate import check_certificate
from app.core.doctor.clocks import check_clocks, check_time_zones
from app.core.doctor.environment import check_settings
from app.core.doctor.finding import Finding, Findings, failed
from app.core.doctor.keys import check_keys
from app.core.doctor.machine import (
    check_data_folder,
    check_metrics_port,
    check_open_files,
    check_port,
)
from app.core.doctor.pooler import check_pooler
from app.core.doctor.postgres import check_postgres, check_replica
from app.core.doctor.redis import check_redis
from app.core.doctor.schema import check_migrations
from app.core.logs import printable

# Longer than any of them waits for one answer.
_PATIENCE = 15

CHECKS: dict[str, Callable[[Case], Findings]] = {
    "settings": check_settings,
    "keys": check_keys,
    "certificate": check_certificate,
    "data folder": check_data_folder,
    "PostgreSQL": check_postgres,
    "replica": check_replica,
    "pooler": check_pooler,
    "migrations": check_migrations,
    "Redis": check_redis,
    "clock": check_clocks,
    "time zones": check_time_zones,
    "port": check_port,
    "metrics port": check_metrics_port,
    "open files": check_open_files,
}


async def examine(case: Case) -> AsyncIterator[tuple[str, Finding]]:
    """What each check finds, with its name, as soon as it has ended."""
    try:
        for name, check in CHECKS.items():
            for finding in await _found(check, case):
                yield name, finding
    finally:
        # A server that is silent by now is not waited for.
        with suppress(Exception):
            async with asyncio.timeout(_PATIENCE):
                await case.reached.aclose()


async def _found(check: Callable[[Case], Findings], case: Case) -> list[Finding]:
    found: list[Finding] = []
    try:
        async with asyncio.timeout(_PATIENCE):
            async for finding in check(case):
                found.append(finding)  # noqa: PERF401 - what is found before it is too late counts
    except TimeoutError:
        found.append(failed(f"there was no answer within {_PATIENCE} s: try again, or look there"))
    except Exception as error:  # noqa: BLE001 - the other checks are of use all the same
        found.append(failed(f"it could not be looked at ({type(error).__name__})"))
    return found


async def report(case: Case, *, as_json: bool) -> bool:
    """Print what is found; whether nothing failed."""
    entries = []
    async for name, finding in examine(case):
        text = printable(finding.text.removesuffix("."))
        entries.append({"check": name, "state": finding.state, "text": text})
        if not as_json:
            typer.echo(f"{finding.state:<8} {name}: {text}")
    if as_json:
        typer.echo(json.dumps(entries, indent=2))
    return all(entry["state"] != "failed" for entry in entries)
