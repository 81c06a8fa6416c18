"""Whether this process lives, and whether it should get requests: `/livez` and `/readyz`."""

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

import asyncpg
from fastapi import APIRouter, Request, Response
from sqlalchemy import column, select, table

from app.core import migrations
from app.core.database import ReadConnection
from app.core.errors import AppError
from app.core.redis import Redis, RedisAway
from app.core.routing import Route
from app.core.schemas import Schema
from app.core.statement import Statement

# Seconds that a store gets to answer; less than what asks usually waits.
_PATIENCE = 2
# Redis is done without after 0.04 s of silence (core/redis.py), which is no reason to take a
# process out: it has this long to come back, and is looked for every so often.
_CACHE_PATIENCE = 0.5
_CACHE_PAUSE = 0.05
_REVISIONS = Statement(select(column("version_num")).select_from(table("alembic_version")))

State = Literal["ok", "failed"]


@dataclass
class Lifecycle:
    """Where this process is between its start and its end."""

    draining: bool = False


class Liveness(Schema):
    """The process answers."""

    status: Literal["alive"]


class Readiness(Schema):
    """Whether requests should come here, and what speaks against it."""

    status: Literal["ready", "not_ready"]
    database: State
    migrations: State
    cache: State
    draining: bool


router = APIRouter(tags=["health"], route_class=Route)


@router.get("/livez", operation_id="get_liveness", response_model=Liveness)
async def get_liveness() -> Liveness:
    """Tell whether the process lives.

    It asks nothing of the stores: a restart would not mend them.
    """
    return Liveness(status="alive")


@router.get(
    "/readyz",
    operation_id="get_readiness",
    response_model=Readiness,
    responses={503: {"model": Readiness, "description": "Send requests elsewhere."}},
)
async def get_readiness(request: Request, response: Response) -> Readiness:
    """Tell whether the process should get requests.

    It should when the database, with its migrations at head, and the cache answer, and no
    shutdown has begun. Migrations of a newer version do no harm: while it is rolled out, this one
    goes on.
    """
    state = request.app.state
    revisions, has_cache = await asyncio.gather(
        _answer(_revisions(state.database.primary)), _answers(state.redis)
    )
    draining = state.lifecycle.draining
    # It was at head when this process began: what it does not know has come since.
    is_migrated = (
        isinstance(revisions, list)
        and len(revisions) == 1
        and migrations.behind(revisions[0]) in {0, None}
    )
    is_ready = is_migrated and has_cache and not draining
    response.status_code = 200 if is_ready else 503
    response.headers["Cache-Control"] = "no-store"
    return Readiness(
        status="ready" if is_ready else "not_ready",
        database="ok" if revisions is not None else "failed",
        migrations="ok" if is_migrated else "failed",
        cache="ok" if has_cache else "failed",
        draining=draining,
    )


async def _revisions(primary: ReadConnection) -> list[str]:
    """Where the schema is; nowhere, if it was never migrated."""
    try:
        return [row["version_num"] for row in await primary.fetch_all(_REVISIONS)]
    except asyncpg.UndefinedTableError:
        return []


async def _answer(question: Awaitable[object]) -> object | None:
    """What the database says, or None if it says nothing in time."""
    try:
        return await asyncio.wait_for(question, _PATIENCE)
    except (AppError, asyncpg.PostgresError, OSError, TimeoutError):
        return None


async def _answers(redis: Redis) -> bool:
    """Whether Redis is there, or comes back in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_CACHE_PATIENCE):
            while True:
                with suppress(RedisAway):
                    await redis.run(("PING",))
                    return True
                await asyncio.sleep(_CACHE_PAUSE)
    return False
