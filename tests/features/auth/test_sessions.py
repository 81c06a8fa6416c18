"""A session that ended is over in every process within a second, whatever becomes of Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from fastapi import FastAPI, Response
from httpx import AsyncClient

from app.core.settings import Settings
from app.features.auth.service import TokenAuthenticator
from app.features.sessions.repository import SessionRepository
from app.features.sessions.revocations import MAX_AGE, EndedSessions
from app.web.dependencies import Caller
from app.web.routing import Route
from tests.apps import client_of, running
from tests.features.auth.tokens import refresh, renewed, revoke
from tests.people import PASSWORD, Person, sign_in

ME = "/v1/users/me"


async def seconds_until_refused(client: AsyncClient) -> float:
    """Asks again and again; after how long it sent the last request that was answered."""
    started = accepted = sent = time.monotonic()
    async with asyncio.timeout(10):
        while (response := await client.get(ME)).status_code == 200:
            accepted, sent = sent, time.monotonic()
    assert response.status_code == 401
    assert response.json()["code"] == "invalid_token"
    return accepted - started


async def by_sign_out(client: AsyncClient, person: Person) -> None:
    await revoke(client, person.tokens["refresh_token"])


async def by_a_second_use(client: AsyncClient, person: Person) -> None:
    await renewed(client, person.tokens)
    assert (await refresh(client, person.tokens)).status_code == 400


@pytest.mark.parametrize("end", [by_sign_out, by_a_second_use])
async def test_is_over_in_another_process_within_a_second(
    settings: Settings,
    client: AsyncClient,
    ada: Person,
    end: Callable[[AsyncClient, Person], Awaitable[None]],
) -> None:
    token = ada.tokens["access_token"]
    async with running(settings) as other, client_of(other, token) as elsewhere:
        assert (await elsewhere.get(ME)).status_code == 200
        await end(client, ada)
        assert (await ada.get(ME)).status_code == 401
        assert await seconds_until_refused(elsewhere) <= 1


async def test_that_ended_before_a_process_began_is_over_there_from_its_first_request(
    settings: Settings, client: AsyncClient, ada: Person
) -> None:
    await by_sign_out(client, ada)
    async with running(settings) as other, client_of(other, ada.tokens["access_token"]) as late:
        assert (await late.get(ME)).status_code == 401


class TestDatabaseAway:
    """A process that cannot ask, and whose knowledge is too old to be relied on."""

    class Ticks:
        now = 1000.0

        def __call__(self) -> float:
            return self.now

    @staticmethod
    async def only_authenticates(caller: Caller) -> Response:
        return Response(str(caller.user_id))

    async def test_answers_503_rather_than_take_the_word_of_a_token(
        self, settings: Settings, ada: Person
    ) -> None:
        token, ticks = ada.tokens["access_token"], self.Ticks()
        dead = "postgresql://postgres@127.0.0.1:1/tickbox"
        async with running(settings) as app, running(settings, database_url=dead) as blind:
            ended = EndedSessions(SessionRepository(app.state.database.primary), ticks)
            blind.state.request_gate.authenticate = TokenAuthenticator(
                blind.state.access_tokens, ended
            ).authenticate
            blind.router.routes.append(Route("/v1/whoami", self.only_authenticates))
            await ended.refresh()
            ended._repository = SessionRepository(blind.state.database.primary)
            async with client_of(blind, token) as client:
                known = await client.get("/v1/whoami")
                ticks.now += MAX_AGE + 0.001
                stale = await client.get("/v1/whoami")

        assert (known.status_code, known.text) == (200, str(ada.id))
        assert stale.status_code == 503
        assert stale.json()["code"] == "database_unavailable"
        assert stale.headers["retry-after"] == "1"


class TestRedisAway:
    @pytest.fixture
    async def app_without_redis(self, settings: Settings) -> AsyncIterator[FastAPI]:
        async with running(settings, redis_url="redis://127.0.0.1:1") as app:
            yield app

    async def test_decides_nothing(self, app_without_redis: FastAPI, ada: Person) -> None:
        async with client_of(app_without_redis) as client:
            email = ada.user["email"]
            tokens = await renewed(client, await sign_in(client, email))
            wrong = await client.post(
                "/v1/oauth/token",
                data={"grant_type": "password", "username": email, "password": PASSWORD + "!"},
            )
            async with client_of(app_without_redis, tokens["access_token"]) as owner:
                todo = await owner.post("/v1/todos", json={"title": "Book the train"})
                listed = await owner.get("/v1/todos")
                await revoke(client, tokens["refresh_token"])
                over = await owner.get("/v1/todos")
            ready = await client.get("/readyz")

        assert wrong.status_code == 400
        assert todo.status_code == 201
        assert listed.json()["items"] == [todo.json()]
        assert over.status_code == 401
        assert (ready.status_code, ready.json()["cache"]) == (200, "degraded")
        assert ready.json() == {
            "status": "ready",
            "database": "ok",
            "migrations": "ok",
            "cache": "degraded",
            "draining": False,
        }
