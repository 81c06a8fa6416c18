"""What the tests share: servers, one app a worker, and people who use it through HTTP."""

import os
from collections.abc import AsyncIterator, Iterator

import asyncpg
import hypothesis
import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from app import sweeps
from app.core.settings import Settings
from app.main import create_app
from app.server.process import spare_collector
from tests import servers
from tests.people import Person, RememberingHasher, sign_up

# Few examples where somebody waits; `make test-laws` asks for the profile with many.
for _profile, _examples in {"tickbox": 10, "laws": 100}.items():
    hypothesis.settings.register_profile(
        _profile,
        # A machine that others use too is no reason for a test to fail.
        deadline=None,
        max_examples=_examples,
        # One account serves all examples, and what they ask may be slow.
        suppress_health_check=[
            hypothesis.HealthCheck.function_scoped_fixture,
            hypothesis.HealthCheck.too_slow,
        ],
    )
hypothesis.settings.load_profile("tickbox")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.add_cleanup(servers.start().close)


def pytest_collection_finish() -> None:
    # As when serving: thousands of tests, which stay, are not looked at again and again.
    spare_collector()


@pytest.fixture(scope="session")
def settings(worker_id: str) -> Iterator[Settings]:
    with servers.cloned_database(f"tickbox_test_{worker_id}_{os.getpid()}") as database:
        number = int(worker_id.removeprefix("gw")) if worker_id != "master" else 0
        yield servers.settings_for(database, number)


@pytest.fixture(scope="session")
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    app = create_app(settings)
    app.state.password_hasher.close()
    app.state.password_hasher = RememberingHasher(settings.password_hash_threads)
    with pytest.MonkeyPatch.context() as patch:
        # What is swept is what a test sweeps.
        patch.setattr(sweeps, "FIRST_PAUSE", (sweeps.HOUR, sweeps.HOUR))
        async with app.router.lifespan_context(app):
            yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[AsyncClient]:
    """Somebody who is not signed in."""
    async with AsyncClient(transport=ASGITransport(app), base_url="http://tickbox") as client:
        yield client


@pytest.fixture
async def ada(app: FastAPI) -> AsyncIterator[Person]:
    """Somebody new, signed in."""
    async with sign_up(app, "Ada") as person:
        yield person


@pytest.fixture
async def bob(app: FastAPI) -> AsyncIterator[Person]:
    """Somebody else."""
    async with sign_up(app, "Bob") as person:
        yield person


@pytest.fixture
async def database(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    """The database behind the app, to look what is really there."""
    connection = await servers.connect(settings.migration_url)
    yield connection
    await connection.close()
