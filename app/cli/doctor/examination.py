"""All checks, one after the other."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from difflib import get_close_matches

from pydantic import ValidationError

from app.cli.database import stores
from app.cli.doctor.finding import Finding
from app.cli.doctor.postgres import check_postgres
from app.cli.doctor.redis import check_redis
from app.cli.errors import explanations, variable
from app.core.clock import utc_now
from app.core.settings import Settings, SettingsError, StartError
from app.security.access_tokens import key_ids

CHECKS = ("settings", "keys", "PostgreSQL", "migrations", "clock", "Redis")
# More than what is silent gets by itself.
_SECONDS = 30
_PREFIX = "TICKBOX_"


def examine(environment: Mapping[str, str], now: Callable[[], datetime] = utc_now) -> list[Finding]:
    """What is found, at least one thing for each of `CHECKS`; `now` is this machine's clock."""
    found = []
    try:
        settings = Settings()
        found += _settings(settings, environment)
        # Not Path's: it raises where this user may not look.
        if settings.is_embedded and not os.path.isdir(settings.data_dir / "postgres/data"):  # noqa: PTH112
            found.append(Finding("PostgreSQL", "ok", "none yet: the first start makes all"))
        else:
            with stores(settings) as complete:
                found.append(_keys(complete))
                found += asyncio.run(_collected("PostgreSQL", check_postgres(complete, now)))
                found += asyncio.run(_collected("Redis", check_redis(complete)))
    except ValidationError as error:
        found = [Finding("settings", "failed", sentence) for sentence in explanations(error)]
    except StartError as error:
        found.append(Finding("PostgreSQL", "failed", str(error)))
    others = [check for check in CHECKS if check not in {finding.check for finding in found}]
    return found + [Finding(check, "skipped", "nobody can tell yet") for check in others]


async def _collected(check: str, findings: AsyncIterator[Finding]) -> list[Finding]:
    found = []
    try:
        async with asyncio.timeout(_SECONDS):
            async for finding in findings:
                found.append(finding)  # noqa: PERF401 - what is found before it breaks off counts
    except Exception as error:  # noqa: BLE001 - the other checks are of use all the same
        text = f"it cannot be looked at ({type(error).__name__}): its log may say why"
        found.append(Finding(check, "failed", text))
    return found


def _settings(settings: Settings, environment: Mapping[str, str]) -> list[Finding]:
    """What `tickbox serve` cannot know to be wrong."""
    texts = []
    for name in sorted(environment):
        upper = name.upper()
        field = upper.removeprefix(_PREFIX).lower()
        if upper in {"DATABASE_URL", "REDIS_URL"} and settings.is_embedded:
            folder = settings.data_dir.resolve()
            texts.append(f"{name} is not read: set {variable(field)}, or data stays in {folder}")
        if upper.startswith(_PREFIX) and field not in Settings.model_fields:
            meant = get_close_matches(field, Settings.model_fields, n=1)
            advice = f"{variable(meant[0])} may be meant" if meant else "see `tickbox settings`"
            texts.append(f"{name[:64]!r} is no setting, and is not read: {advice}")
    if not settings.is_embedded and not settings.issuer_is_url:
        texts.append(
            "the metadata at /.well-known/oauth-authorization-server name whatever Host a request "
            f"names: set {variable('issuer')} to the service's URL"
        )
    found = [Finding("settings", "warning", text) for text in texts]
    return found or [Finding("settings", "ok", "each is valid, and they go together")]


def _keys(settings: Settings) -> Finding:
    assert settings.signing_keys is not None
    try:
        count = len(key_ids(settings.signing_keys.get_secret_value()))
    except SettingsError as error:
        return Finding("keys", "failed", str(error))
    return Finding("keys", "ok", f"{count} for access tokens, of which the first signs")
