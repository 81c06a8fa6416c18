"""While passwords are hashed, everybody else is served."""

import asyncio
from collections.abc import AsyncIterator
from threading import Event, Lock
from typing import Any

import argon2
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from app.core.settings import Settings
from app.security.password_hashing import PasswordHasher
from tests.apps import client_of, running
from tests.people import PASSWORD, Person


class Gate:
    """Argon2 that takes as long as a test wants, in whichever thread it is called."""

    def __init__(self) -> None:
        self.opened = Event()
        self.running = self.most = 0
        self._verify = argon2.low_level.verify_secret
        self._lock = Lock()

    def verify(self, *arguments: Any) -> bool:
        with self._lock:
            self.running += 1
            self.most = max(self.most, self.running)
        try:
            # In the event loop nobody could open it, and this would be the end.
            assert self.opened.wait(timeout=10)
            return self._verify(*arguments)
        finally:
            with self._lock:
                self.running -= 1


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Gate:
    gate = Gate()
    monkeypatch.setattr(argon2.low_level, "verify_secret", gate.verify)
    return gate


class SlowHasher(PasswordHasher):
    """Says when it was asked, and answers when it is told to."""

    def __init__(self) -> None:
        super().__init__(1)
        self.asked, self.told = asyncio.Event(), asyncio.Event()

    async def hash(self, password: str) -> str:
        await self._wait()
        return await super().hash(password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        await self._wait()
        return await super().verify(password, password_hash)

    async def _wait(self) -> None:
        self.asked.set()
        await self.told.wait()


async def sign_in(client: AsyncClient, email: str) -> Response:
    return await client.post(
        "/v1/oauth/token",
        data={"grant_type": "password", "username": email, "password": PASSWORD},
    )


async def sign_up(client: AsyncClient, email: str) -> Response:
    return await client.post("/v1/users", json={"email": f"x{email}", "password": PASSWORD})


async def test_eight_sign_ins_at_once_leave_the_event_loop_free(
    settings: Settings, ada: Person, gate: Gate
) -> None:
    token = ada.tokens["access_token"]
    # An app of its own, since the one that the tests share remembers a hash.
    async with running(settings) as app, client_of(app, token) as client, asyncio.timeout(10):
        signing_in = [asyncio.create_task(sign_in(client, ada.user["email"])) for _ in range(8)]
        while gate.running < 2:
            assert (await client.get("/v1/users/me")).status_code == 200
        for _ in range(20):
            assert (await client.get("/livez")).status_code == 200
            assert (await client.get("/v1/users/me")).status_code == 200
        assert not any(task.done() for task in signing_in)
        gate.opened.set()
        responses = await asyncio.gather(*signing_in)

    assert [response.status_code for response in responses] == [200] * 8
    # As many as the setting says, and no more.
    assert gate.most == 2


class TestConnections:
    @pytest.fixture
    async def small_app(self, settings: Settings) -> AsyncIterator[FastAPI]:
        """With a single connection for everybody, and a hasher that is told when to go on."""
        async with running(settings, database_pool_size=1, database_pool_timeout=0.5) as app:
            app.state.password_hasher.close()
            app.state.password_hasher = SlowHasher()
            yield app

    @pytest.mark.parametrize(("call", "status"), [(sign_in, 200), (sign_up, 201)])
    async def test_none_is_held_while_a_password_is_hashed(
        self, small_app: FastAPI, ada: Person, call: Any, status: int
    ) -> None:
        hasher = small_app.state.password_hasher
        async with client_of(small_app, ada.tokens["access_token"]) as client:
            hashing = asyncio.create_task(call(client, ada.user["email"]))
            await hasher.asked.wait()
            listed = await client.get("/v1/todos")
            created = await client.post("/v1/todos", json={"title": "Book the train"})
            assert not hashing.done()
            hasher.told.set()
            answered = await hashing

        assert listed.status_code == 200
        assert created.status_code == 201
        assert answered.status_code == status, answered.text
