"""What is due from time to time: `tickbox purge` does it, and each serving process once an hour."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress

from app.core.clock import Now
from app.core.settings import Settings
from app.database import idempotency_keys
from app.database.unit_of_work import Database
from app.features.comments.purge import purge_comments
from app.features.invitations.purge import purge_invitations
from app.features.labels.purge import purge_labels
from app.features.projects.purge import memberless_projects, purge_project
from app.features.sessions.sweep import sweep_sessions, sweep_tokens
from app.features.todos.due_rules import recompute
from app.features.todos.purge import purge_todos
from app.features.trash.backfill import backfill_deletions
from app.features.trash.purger import purge_expired
from app.features.users.ended_accounts import clean_up_ended_accounts

logger = logging.getLogger(__name__)

# Seconds before the first sweep: soon, since not every process lives for an hour, and not the same
# for all that start together.
FIRST_PAUSE = (60.0, 300.0)
HOUR = 3600.0

Sweep = Callable[[Database, Settings, Now], Awaitable[int]]


async def _sweep_projects(database: Database, _settings: Settings, now: Now) -> int:
    count = 0
    for project_id in await memberless_projects(database, now):
        await purge_comments(database, project_id)
        await purge_todos(database, project_id)
        count += await purge_project(database, project_id)
    return count


# In this order: a session goes after its tokens, and projects after what makes them nobody's.
SWEEPS: dict[str, Sweep] = {
    "idempotency keys": lambda database, _, now: idempotency_keys.sweep(database, now),
    "refresh tokens": sweep_tokens,
    "sessions": sweep_sessions,
    "remains of accounts": clean_up_ended_accounts,
    "projects of deleted accounts": _sweep_projects,
    "invitations": lambda database, _, now: purge_invitations(database, now),
    "labels of deleted accounts": lambda database, _, now: purge_labels(database, now),
    "deletions of older versions": lambda database, _settings, _now: backfill_deletions(database),
    "the trash": purge_expired,
    "dues by other zone rules": lambda database, _settings, _now: recompute(database),
}


async def sweep(database: Database, settings: Settings, now: Now) -> dict[str, int]:
    """Do each, and give how much of each there was.

    A failure is logged, and the first one raised when all others are done.
    """
    counts: dict[str, int] = {}
    failures: list[Exception] = []
    for name, each in SWEEPS.items():
        try:
            counts[name] = await each(database, settings, now)
        except Exception as error:  # noqa: BLE001 - it is raised below
            logger.warning("%s cannot be swept: %s", name, type(error).__name__)
            failures.append(error)
    if failures:
        raise failures[0]
    return counts


async def sweep_hourly(database: Database, settings: Settings, now: Now) -> None:
    """Sweep until it is cancelled."""
    pause = random.uniform(*FIRST_PAUSE)  # noqa: S311 - nothing is secret about it
    while True:
        await asyncio.sleep(pause)
        with suppress(Exception):  # it was logged
            await sweep(database, settings, now)
        pause = HOUR
