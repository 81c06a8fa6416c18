"""What is kept for a while only: `tickbox purge` deletes it, and `tickbox serve` does so hourly."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from app.core import idempotency_keys
from app.core.clock import Now
from app.core.config import Settings
from app.core.database import Database
from app.sessions.sweep import sweep_sessions, sweep_tokens

logger = logging.getLogger(__name__)

_HOUR = 3600

Sweep = Callable[[Database, Settings, Now], Awaitable[int]]


async def _sweep_keys(database: Database, _settings: Settings, now: Now) -> int:
    return await idempotency_keys.sweep(database, now)


# In this order: a session goes after its tokens.
SWEEPS: dict[str, Sweep] = {
    "idempotency keys": _sweep_keys,
    "refresh tokens": sweep_tokens,
    "sessions": sweep_sessions,
}


async def sweep(database: Database, settings: Settings, now: Now) -> dict[str, int]:
    """Delete what may go; how much of each there was."""
    return {name: await each(database, settings, now) for name, each in SWEEPS.items()}


async def sweep_hourly(database: Database, settings: Settings, now: Now) -> None:
    """Sweep for ever; a failure is logged, and tried again."""
    while True:
        await asyncio.sleep(_HOUR)
        for name, each in SWEEPS.items():
            try:
                await each(database, settings, now)
            except Exception as error:  # noqa: BLE001 - this goes on as long as the process
                logger.warning("%s cannot be swept: %s", name, type(error).__name__)
