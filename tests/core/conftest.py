"""What tests of the core share: somebody who calls, and a database for poolers."""

from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import pytest
from fastapi import FastAPI

from app.core.config import Settings
from tests import servers
from tests.core.callers import Caller
from tests.core.pooled import changed
from tests.people import sign_up


@pytest.fixture(scope="module")
async def caller(app: FastAPI) -> AsyncIterator[Caller]:
    """One account a module, for thousands of requests that change nothing.

    What a test does to it matters to no other one.
    """
    async with sign_up(app, "Caller") as person:
        yield Caller(person)


@pytest.fixture(scope="module")
def scratch() -> Iterator[Settings]:
    """A database of its own, reached directly."""
    with servers.cloned_database(f"tickbox_pooler_{uuid4().hex}") as name:
        settings = servers.settings_for(name)
        changes = {"database_url": settings.migration_url, "database_direct_url": None}
        yield changed(settings, **changes, database_pool_mode="session", statement_timeout=2.5)
