"""What is kept for a while only: `tickbox purge` deletes it, and `tickbox serve` does so hourly.

So it also does what else is due from time to time.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator

from app.core.clock import Now
from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.database import idempotency_keys
from app.database.unit_of_work import Database
from app.features.projects.purge import memberless_projects, purge_project
from app.features.sessions.sweep import sweep_sessions, sweep_tokens
from app.features.todos.due_rules import recompute
from app.features.todos.purge import purge_todos
from app.features.users.ended_accounts import clean_up_ended_accounts

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
    for project_id in await memberless_projects(database, now):
        await purge_todos(database, project_id)
        count += await purge_project(database, project_id)
    return count


async def _recompute_dues(database: Database, _settings: Settings, _now: Now) -> int:
    return await recompute(database)


# In this order: a session goes after its tokens, and projects after what makes them nobody's. The
# last one deletes nothing, and computes anew.
SWEEPS: dict[str, Sweep] = {
    "idempotency keys": _sweep_keys,
    "refresh tokens": sweep_tokens,
    "sessions": sweep_sessions,
    "remains of accounts": clean_up_ended_accounts,
    "projects of deleted accounts": _sweep_projects,
    "dues by other zone rules": _recompute_dues,
}


async def sweep(database: Database, settings: Settings, now: Now) -> dict[str, int]:
    """Do each; how much of each there was.

    Raises the first failure, after all others are done; `DatabaseUnavailable` at once.
    """
    counts: dict[str, int] = {}
    failures: list[Exception] = []
    for name, each in SWEEPS.items():
        try:
            counts[name] = await each(database, settings, now)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - it is raised below
            failures.append(error)
    if failures:
        raise failures[0]
    return counts


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
