"""What the tests of poolers share: a database of their own."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from app.core.settings import Settings
from tests import servers
from tests.database.pooled import changed


@pytest.fixture(scope="module")
def scratch() -> Iterator[Settings]:
    """A database of its own, reached directly."""
    with servers.cloned_database(f"tickbox_pooler_{uuid4().hex}") as name:
        settings = servers.settings_for(name)
        changes = {"database_url": settings.migration_url, "database_direct_url": None}
        yield changed(settings, **changes, database_pool_mode="none", statement_timeout=2.5)
