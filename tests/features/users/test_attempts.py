"""How often a password may be tried in vain: no guessing for long, and no locking anybody out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from app.core.settings import Settings
from tests.apps import Clock, running
from tests.people import PASSWORD, Person, sign_up

HOME = "203.0.113.7"
GONE = "redis://127.0.0.1:1"
LIMITS: dict[str, Any] = {
    "limit_sign_in_failures_per_minute": 3,
    "limit_account_failures_per_minute": 8,
}


@asynccontextmanager
async def at(app: FastAPI, address: str) -> AsyncIterator[AsyncClient]:
    """Somebody who asks from there."""
    transport = ASGITransport(app, client=(address, 4711))
    async with AsyncClient(transport=transport, base_url="http://tickbox") as client:
        yield client


async def attempt(app: FastAPI, address: str, email: str, password: str = "wrong") -> Response:
    form = {"grant_type": "password", "username": email, "password": password}
    async with at(app, address) as client:
        return await client.post("/v1/oauth/token", data=form)


async def statuses(app: FastAPI, addresses: list[str], email: str, *password: str) -> list[int]:
    return [(await attempt(app, address, email, *password)).status_code for address in addresses]


def strangers(count: int) -> list[str]:
    return [f"198.51.100.{number}" for number in range(1, count + 1)]


@pytest.fixture
async def strict(settings: Settings) -> AsyncIterator[FastAPI]:
    """A Tickbox with low limits."""
    async with running(settings, **LIMITS) as strict:
        yield strict


async def test_a_stranger_is_held_up_and_the_owner_is_not(strict: FastAPI, ada: Person) -> None:
    email = ada.user["email"]
    assert await statuses(strict, ["198.51.100.1"] * 6, email) == [400] * 3 + [429] * 3
    # Also where she was never before.
    assert (await attempt(strict, HOME, email, PASSWORD)).status_code == 200


async def test_holds_without_redis(settings: Settings, ada: Person) -> None:
    email = ada.user["email"]
    async with running(settings, redis_url=GONE, **LIMITS) as app:
        assert (await attempt(app, HOME, email, PASSWORD)).status_code == 200
        assert await statuses(app, ["198.51.100.1"] * 5, email) == [400] * 3 + [429] * 2
        assert await statuses(app, strangers(9)[1:], email) == [400] * 5 + [429] * 3
        assert (await attempt(app, HOME, email, PASSWORD)).status_code == 200


async def test_what_is_refused_for_one_network_does_not_count_for_all(
    strict: FastAPI, ada: Person
) -> None:
    email = ada.user["email"]
    await statuses(strict, ["198.51.100.1"] * 30, email)
    assert await statuses(strict, [HOME] * 4, email) == [400] * 3 + [429]
    assert (await attempt(strict, "203.0.113.8", email, PASSWORD)).status_code == 200


async def test_many_strangers_are_held_up_together_and_known_networks_are_not(
    strict: FastAPI, ada: Person, bob: Person
) -> None:
    email = ada.user["email"]
    assert (await attempt(strict, HOME, email, PASSWORD)).status_code == 200

    assert await statuses(strict, strangers(12), email) == [400] * 8 + [429] * 4
    assert await statuses(strict, strangers(12), email, PASSWORD) == [429] * 12
    # She was at home before: there she may sign in, and err as often as ever.
    assert (await attempt(strict, HOME, email, PASSWORD)).status_code == 200
    assert await statuses(strict, [HOME] * 5, email) == [400] * 3 + [429] * 2
    # Elsewhere she goes on with what she has.
    form = {"grant_type": "refresh_token", "refresh_token": ada.tokens["refresh_token"]}
    async with at(strict, "203.0.113.99") as client:
        assert (await client.post("/v1/oauth/token", data=form)).status_code == 200
    # It is about her account alone: what she knows is no use to another one's guesser.
    assert await statuses(strict, strangers(9), bob.user["email"]) == [400] * 8 + [429]
    assert (await attempt(strict, HOME, bob.user["email"], PASSWORD)).status_code == 429


async def test_an_account_that_is_not_there_is_held_up_alike(strict: FastAPI, ada: Person) -> None:
    for email in (ada.user["email"], f"nobody-{uuid4().hex}@example.com"):
        assert await statuses(strict, ["198.51.100.1"] * 5, email) == [400] * 3 + [429] * 2
        assert await statuses(strict, strangers(9)[1:], email) == [400] * 5 + [429] * 3


async def test_an_ipv6_customer_has_one_network(strict: FastAPI, ada: Person) -> None:
    email = ada.user["email"]
    addresses = [f"2001:db8:1:2::{number}" for number in range(1, 6)]
    assert await statuses(strict, addresses, email) == [400] * 3 + [429] * 2
    assert await statuses(strict, ["2001:db8:1:3::1"], email) == [400]


async def test_a_network_is_forgotten_after_30_days(settings: Settings) -> None:
    clock = Clock()
    async with running(settings, now=clock, **LIMITS) as app, sign_up(app) as ada:
        email = ada.user["email"]
        await attempt(app, HOME, email, PASSWORD)
        clock.advance(days=29)
        assert await statuses(app, strangers(9), email) == [400] * 8 + [429]
        assert (await attempt(app, HOME, email, PASSWORD)).status_code == 200
        clock.advance(days=31)
        assert (await attempt(app, HOME, email, PASSWORD)).status_code == 429


async def test_a_session_that_ended_still_tells_of_its_network(
    strict: FastAPI, ada: Person
) -> None:
    email = ada.user["email"]
    tokens = (await attempt(strict, HOME, email, PASSWORD)).json()
    async with at(strict, HOME) as client:
        await client.post("/v1/oauth/revoke", data={"token": tokens["refresh_token"]})
    assert await statuses(strict, strangers(9), email) == [400] * 8 + [429]
    assert (await attempt(strict, HOME, email, PASSWORD)).status_code == 200
