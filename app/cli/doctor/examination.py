"""All checks, one after the other."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import datetime

from pydantic import ValidationError

from app.cli.database import stores
from app.cli.doctor.finding import Finding
from app.cli.doctor.postgres import check_postgres
from app.cli.doctor.redis import check_redis
from app.cli.errors import explanations, variable
from app.core.clock import utc_now
from app.core.settings import Settings, SettingsError, StartError
from app.security.access_tokens import private_keys

CHECKS = ("settings", "keys", "PostgreSQL", "migrations", "clock", "Redis")
_SECONDS = 30  # more than the checks take by themselves
_PREFIX = "TICKBOX_"


def examine(environment: Mapping[str, str], now: Callable[[], datetime] = utc_now) -> list[Finding]:
    """What is found, at least one thing for each of `CHECKS`; `now` is this machine's clock."""
    found: list[Finding] = []
    try:
        settings = Settings()
        warnings = [Finding("settings", "warning", t) for t in _warnings(settings, environment)]
        found += warnings or [Finding("settings", "ok", "each is valid, and they go together")]
        # Not Path's: it raises where this user may not look.
        if settings.is_embedded and not os.path.isdir(settings.data_dir / "postgres/data"):  # noqa: PTH112
            found.append(Finding("PostgreSQL", "ok", "none yet: the first start makes all"))
        else:
            with stores(settings) as complete:
                found.append(_keys(complete))
                _run("PostgreSQL", check_postgres(complete, now, found.append), found)
                _run("Redis", check_redis(complete, found.append), found)
    except ValidationError as error:
        found = [Finding("settings", "failed", sentence) for sentence in explanations(error)]
    except (StartError, OSError) as error:
        found.append(Finding("PostgreSQL", "failed", str(error)))
    others = [check for check in CHECKS if check not in {finding.check for finding in found}]
    return found + [Finding(check, "skipped", "nobody can tell yet") for check in others]


def _run(name: str, check: Coroutine[None, None, None], found: list[Finding]) -> None:
    """Run a check to its end; that it breaks down is a finding too."""
    try:
        asyncio.run(asyncio.wait_for(check, _SECONDS))
    except Exception as error:  # noqa: BLE001 - the other checks are of use all the same
        text = f"it cannot be looked at ({type(error).__name__}): its log may say why"
        found.append(Finding(name, "failed", text))


def _warnings(settings: Settings, environment: Mapping[str, str]) -> Iterator[str]:
    """What `tickbox serve` cannot know to be wrong."""
    for name in sorted(environment):
        field = name.upper().removeprefix(_PREFIX).lower()
        if name in {"DATABASE_URL", "REDIS_URL"} and settings.is_embedded:
            folder = settings.data_dir.resolve()
            yield f"{name} is not read: set {variable(field)}, or data stays in {folder}"
        if name.upper().startswith(_PREFIX) and field not in Settings.model_fields:
            yield f"{name[:64]!r} is no setting, and is not read: see `tickbox settings`"
    if not settings.is_embedded and not settings.issuer_is_url:
        yield (
            "the metadata at /.well-known/oauth-authorization-server name whatever Host a request "
            "names: set TICKBOX_ISSUER to the service's URL"
        )


def _keys(settings: Settings) -> Finding:
    assert settings.signing_keys is not None
    try:
        count = len(private_keys(settings.signing_keys.get_secret_value()))
    except SettingsError as error:
        return Finding("keys", "failed", str(error))
    return Finding("keys", "ok", f"{count} for access tokens, of which the first signs")
