"""Tokens expire at their time, not before and not after: the clock is the app's, and is set."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.core.settings import Settings
from tests.apps import Clock, client_of, running
from tests.features.auth.tokens import assert_refused, is_alive, refresh, renewed
from tests.people import PASSWORD, Json, sign_in

LIFETIME = 600
REFRESHABLE = 3600


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
async def slow_app(settings: Settings, clock: Clock) -> AsyncIterator[FastAPI]:
    """An app in which time stands still, unless a test sets the clock."""
    async with running(
        settings, now=clock, access_token_seconds=LIFETIME, refresh_token_seconds=REFRESHABLE
    ) as app:
        yield app


@pytest.fixture
async def slow_client(slow_app: FastAPI) -> AsyncIterator[AsyncClient]:
    async with client_of(slow_app) as client:
        yield client


@pytest.fixture(scope="module")
async def email(slow_app: FastAPI) -> str:
    async with client_of(slow_app) as client:
        address = f"ada-{id(slow_app)}@example.com"
        made = await client.post("/v1/users", json={"email": address, "password": PASSWORD})
        assert made.status_code == 201
    return address


@pytest.fixture
async def tokens(slow_client: AsyncClient, email: str) -> Json:
    return await sign_in(slow_client, email)


async def test_an_access_token_ends_after_its_lifetime(
    slow_app: FastAPI, clock: Clock, tokens: Json
) -> None:
    # It counts in seconds, from the one that had begun.
    clock.now = clock.now.replace(microsecond=0)
    clock.advance(seconds=LIFETIME, milliseconds=-1)
    assert tokens["expires_in"] == LIFETIME
    assert await is_alive(slow_app, tokens)

    clock.advance(milliseconds=1)
    async with client_of(slow_app, tokens["access_token"]) as client:
        response = await client.get("/v1/users/me")
    assert response.status_code == 401
    assert response.json()["detail"] == "The access token has expired."


async def test_an_expired_access_token_can_be_renewed(
    slow_app: FastAPI, slow_client: AsyncClient, clock: Clock, tokens: Json
) -> None:
    clock.advance(seconds=LIFETIME)
    assert not await is_alive(slow_app, tokens)
    assert await is_alive(slow_app, await renewed(slow_client, tokens))


async def test_a_refresh_token_ends_after_its_lifetime(
    slow_app: FastAPI, slow_client: AsyncClient, clock: Clock, email: str
) -> None:
    late, in_time = await sign_in(slow_client, email), await sign_in(slow_client, email)
    clock.advance(seconds=REFRESHABLE - 1, milliseconds=999)
    await renewed(slow_client, in_time)

    clock.advance(milliseconds=1)
    assert_refused(await refresh(slow_client, late))


async def test_each_refresh_begins_a_new_lifetime(
    slow_client: AsyncClient, clock: Clock, tokens: Json
) -> None:
    for _ in range(3):
        clock.advance(seconds=REFRESHABLE - 1)
        tokens = await renewed(slow_client, tokens)
