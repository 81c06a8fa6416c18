"""A database by way of a pooler, and what holds there as everywhere."""

import os
from typing import Any

import pytest
from sqlalchemy import func, select

from app.core.settings import Settings
from app.database.statement import Statement
from tests.pgbouncer import BINARY, MISSING

PID = Statement(select(func.pg_backend_pid()))
SETTINGS = {
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "statement_timeout": "2500ms",
    "idle_in_transaction_session_timeout": "2500ms",
    "TimeZone": "UTC",
    "application_name": "tickbox",
}
IGNORED = (
    "ignore_startup_parameters = jit,plan_cache_mode,statement_timeout,lock_timeout,"
    "idle_in_transaction_session_timeout"
)
# Not everybody can install it; where all of it is to be tested, its absence is a failure.
needs_pgbouncer = pytest.mark.skipif(BINARY is None and not os.environ.get("CI"), reason=MISSING)


def changed(settings: Settings, **changes: Any) -> Settings:
    return Settings.model_validate({**settings.model_dump(), **changes})


def pooled(settings: Settings, url: str, **changes: Any) -> Settings:
    """The same database by way of a pooler at this URL."""
    return changed(
        settings,
        database_url=url,
        database_direct_url=settings.migration_url,
        database_pool_mode="transaction",
        **changes,
    )
