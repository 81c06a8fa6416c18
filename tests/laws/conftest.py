"""What the laws' tests share: an app without limits on how often, and somebody who asks dearly."""

from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.core.settings import Settings
from app.server.process import spare_collector
from tests.laws.measure import Measuring, watched_connections
from tests.laws.rows import LISTED
from tests.people import Person, sign_up
from tests.web.callers import Caller
from tests.web.operations import Operation


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--seed", type=int, default=0, help="of the random inputs")


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    seed: int = pytestconfig.getoption("--seed")
    return seed


@pytest.fixture(scope="session")
def settings(settings: Settings) -> Settings:
    """Who is refused for asking too often costs nothing, and tells nothing."""
    names = ("limit_sign_in_failures_per_minute", "limit_account_failures_per_minute")
    return settings.model_copy(update=dict.fromkeys(names, 10_000_000))


@pytest.fixture(scope="session", autouse=True)
def watched(app: FastAPI) -> Iterator[None]:
    # As where it is served.
    spare_collector()
    with watched_connections(app):
        yield


@pytest.fixture
async def measured(app: FastAPI) -> AsyncIterator[Person]:
    """Somebody each of whose answers has its cost."""
    async with (
        sign_up(app) as person,
        AsyncClient(
            transport=Measuring(app),
            base_url="http://tickbox",
            headers={"Authorization": person.client.headers["Authorization"]},
        ) as client,
    ):
        yield Person(app, client, person.user, person.tokens)


@pytest.fixture
async def caller(measured: Person, database: asyncpg.Connection, operation: Operation) -> Caller:
    """Somebody who has as much as a page of this operation may have, if it has pages.

    Raises `KeyError` for a list of which nobody has said in `rows.LISTED` what is in it.
    """
    ids = None
    if "limit" in operation.parameters("query"):
        ids = await LISTED[operation.id](database, measured, 201)
    return Caller(measured, ids)
