"""What is kept for a while only: `tickbox purge` deletes it, and `tickbox serve` does so hourly."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator

from app.core import idempotency_keys
from app.core.clock import Now
from app.core.config import Settings
from app.core.database import Database
from app.projects.abandoned import abandoned, erase_project
from app.sessions.sweep import sweep_sessions, sweep_tokens
from app.todos.erasure import erase_todos

logger = logging.getLogger(__name__)

_HOUR = 3600
# Seconds before the first time. Soon, since not every process lives for an hour; not at once, since
# there is enough to do then; and not the same for all that start together.
_FIRST = (60, 300)

Sweep = Callable[[Database, Settings, Now], Awaitable[int]]


async def _sweep_keys(database: Database, _settings: Settings, now: Now) -> int:
    return await idempotency_keys.sweep(database, now)


async def _sweep_projects(database: Database, _settings: Settings, now: Now) -> int:
    count = 0
    for project_id in await abandoned(database, now):
        await erase_todos(database, project_id)
        count += await erase_project(database, project_id)
    return count


# In this order: a session goes after its tokens.
SWEEPS: dict[str, Sweep] = {
    "idempotency keys": _sweep_keys,
    "refresh tokens": sweep_tokens,
    "sessions": sweep_sessions,
    "projects of deleted accounts": _sweep_projects,
}


async def sweep(database: Database, settings: Settings, now: Now) -> dict[str, int]:
    """Delete what may go; how much of each there was."""
    return {name: await each(database, settings, now) for name, each in SWEEPS.items()}


def pauses() -> Iterator[float]:
    """Seconds before each time."""
    yield random.uniform(*_FIRST)  # noqa: S311 - nothing is secret about it
    while True:
        yield _HOUR


async def sweep_hourly(
    database: Database, settings: Settings, now: Now, after: Iterable[float] | None = None
) -> None:
    """Sweep for ever, or `after` each of these pauses; a failure is logged, and tried again."""
    for pause in pauses() if after is None else after:
        await asyncio.sleep(pause)
        for name, each in SWEEPS.items():
            try:
                await each(database, settings, now)
            except Exception as error:  # noqa: BLE001 - this goes on as long as the process
                logger.warning("%s cannot be swept: %s", name, type(error).__name__)
