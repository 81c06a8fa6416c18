"""Whether this process lives, and whether it should get requests: `/livez` and `/readyz`."""

import asyncio
from typing import Literal

import asyncpg
from fastapi import APIRouter, Request, Response
from pydantic import Field
from sqlalchemy import column, select, table
from typing_extensions import TypeAliasType

from app.core.errors import AppError
from app.core.schemas import Schema
from app.database import migrations
from app.database.statement import Statement
from app.database.unit_of_work import ReadConnection
from app.web.dependencies import app_state
from app.web.responses import SchemaResponse
from app.web.routing import Feature, Route

# Seconds that the database gets to answer; less than a health check usually waits.
_PATIENCE = 2
_REVISION = Statement(select(column("version_num")).select_from(table("alembic_version")))

LivenessStatus = TypeAliasType("LivenessStatus", Literal["alive"])
ReadinessStatus = TypeAliasType("ReadinessStatus", Literal["ready", "not_ready"])
PartState = TypeAliasType("PartState", Literal["ok", "failed"])
CacheState = TypeAliasType("CacheState", Literal["ok", "degraded"])


class Liveness(Schema):
    """The process answers."""

    status: LivenessStatus


class Readiness(Schema):
    """Whether requests should come here, and what speaks against it."""

    status: ReadinessStatus
    database: PartState
    migrations: PartState
    cache: CacheState = Field(
        description="`degraded` while it is away: requests are answered, each read by a query."
    )
    draining: bool


router = APIRouter(tags=["health"], route_class=Route)
FEATURE = Feature(tag="health", description="For whoever runs this.", routers=(router,))


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
async def get_readiness(request: Request) -> Response:
    """Tell whether the process should get requests.

    It should when the database answers, with its migrations at head, and no shutdown has begun.
    Migrations of a newer version do no harm: while it is rolled out, this one goes on. Without the
    cache it goes on too.
    """
    state = app_state(request)
    revision = await _revision(state.database.primary)
    draining = state.lifecycle.draining
    # The schema was at head when this process began: a revision that it does not know is newer.
    is_migrated = revision not in (None, "") and migrations.behind(revision) in (0, None)
    is_ready = is_migrated and not draining
    readiness = Readiness(
        status="ready" if is_ready else "not_ready",
        database="failed" if revision is None else "ok",
        migrations="ok" if is_migrated else "failed",
        cache="ok" if state.redis.is_connected else "degraded",
        draining=draining,
    )
    return SchemaResponse(readiness, 200 if is_ready else 503, {"Cache-Control": "no-store"})


async def _revision(primary: ReadConnection) -> str | None:
    """The schema's revision, empty if it was never migrated; None if the database is away."""
    try:
        async with asyncio.timeout(_PATIENCE):
            rows = await primary.fetch_all(_REVISION)
    except asyncpg.UndefinedTableError:
        return ""
    except (AppError, asyncpg.PostgresError, OSError, TimeoutError):
        return None
    return rows[0][0] if rows else ""
