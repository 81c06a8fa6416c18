"""Canaries: what is secret is sent by every way by which text reaches a log, and is not there."""

import asyncio
import logging
from typing import Any

import pytest
import structlog
import uvicorn
from fastapi import FastAPI, Request
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from httpx import AsyncClient
from uvicorn.lifespan.on import LifespanOn

from app.core.settings import Settings
from app.database.unit_of_work import Database
from app.main import create_app
from app.observability.metrics import RequestCounts
from app.redis.client import Redis
from app.web.body_buffering import Buffers
from app.web.request_middleware import RequestMiddleware
from tests.apps import client_of, running
from tests.observability.logged import Logged, logged
from tests.people import Person

PASSWORD = "geheim 4711, geheim"
URL = "postgresql://tickbox:geheim-4711@127.0.0.1:1/tickbox"
REDIS_URL = "redis://:geheim-4711@127.0.0.1:1"
KEY = "geheim-4711-key"


def assert_safe(log: Logged, *secrets: str) -> None:
    """Something was said, on lines of its own, and nothing of this."""
    assert log.entries
    for secret in ("geheim", *secrets):
        assert secret.lower() not in log.text.lower()
    assert "\r" not in log.text


class TestRequests:
    """Everything secret, in every part of a request."""

    @pytest.mark.parametrize("level", ["debug", "info"])
    async def test_that_are_refused_or_fail(self, app: FastAPI, ada: Person, level: str) -> None:
        access, refresh = ada.tokens["access_token"], ada.tokens["refresh_token"]
        secrets = (PASSWORD, access, refresh, KEY)
        with logged(level) as log:
            for secret in secrets:
                body: dict[str, Any] = {"email": secret, "password": secret, secret: secret}
                statuses = [
                    await ada.client.post("/v1/users", json=body),
                    await ada.client.post("/v1/users", content=f'{{"password": "{secret}'),
                    await ada.client.post("/v1/todos", json={"title": [secret], secret: secret}),
                    await ada.client.post(
                        "/v1/todos", json={"title": "x"}, headers={"Idempotency-Key": secret}
                    ),
                    await ada.get("/v1/todos", params={secret: secret, "cursor": secret}),
                    await ada.get(f"/v1/todos/{secret}"),
                    await ada.get(f"/{secret}"),
                    await ada.get("/v1/todos", headers={"Authorization": f"Bearer {secret}x"}),
                    # A request's id is there to be logged, so only what looks like a token is none.
                    await ada.get(
                        "/v1/todos", headers={"X-Request-Id": "mine" if secret == KEY else secret}
                    ),
                    await ada.get("/v1/todos", headers={"User-Agent": secret, "Cookie": secret}),
                    await ada.client.request(secret[:6], "/v1/todos"),
                    await ada.client.post(
                        "/v1/oauth/token",
                        data={"grant_type": "password", "username": secret, "password": secret},
                    ),
                    await ada.client.post(
                        "/v1/oauth/token",
                        data={"grant_type": "refresh_token", "refresh_token": f"{secret}x"},
                    ),
                ]
                assert {response.status_code for response in statuses} >= {401, 404, 422}
            assert len(log.requests) == 13 * len(secrets)
            assert_safe(log, access, refresh)

    async def test_that_end_in_an_error_nobody_knows(
        self, app: FastAPI, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        access = ada.tokens["access_token"]

        async def fail(*_: object, **named: object) -> None:
            try:
                raise KeyError(f"{named}\r\n{access}\n{URL}")
            except KeyError as error:
                raise RuntimeError(PASSWORD, URL) from error

        monkeypatch.setattr("app.features.todos.service.TodoService.create", fail)
        with logged() as log:
            answer = await ada.client.post(
                "/v1/todos", json={"title": PASSWORD}, headers={"Idempotency-Key": KEY}
            )
            assert answer.status_code == 500
            error, _ = log.entries
            assert error["exception"].startswith("RuntimeError\n")
            assert "caused by KeyError" in error["exception"]
            assert_safe(log, access)


class TestDatabase:
    async def test_that_cannot_be_reached(self, settings: Settings) -> None:
        with logged("debug") as log:
            async with running(settings, database_url=URL) as app, client_of(app) as client:
                answer = await client.post(
                    "/v1/oauth/token",
                    data={"grant_type": "refresh_token", "refresh_token": f"tbr_{KEY}"},
                )
                assert answer.status_code == 503
            assert "database_unavailable: ConnectionRefusedError" in [
                entry["event"] for entry in log.entries
            ]
            assert_safe(log)

    async def test_that_quotes_what_it_was_given(self, app: FastAPI, client: AsyncClient) -> None:
        statement = "SELECT $1::text::integer"

        async def ask(request: Request) -> None:
            pool = request.app.state.database.pools["primary"]
            connection = await pool.acquire()
            try:
                await connection.driver_connection.fetch(statement, KEY)
            finally:
                pool.release(connection)

        other = FastAPI(openapi_url=None)
        other.state.database = app.state.database
        other.add_api_route("/ask", ask)
        other.middleware_stack = RequestMiddleware(
            AsyncExitStackMiddleware(other.router), Buffers(), RequestCounts()
        )
        with logged() as log:
            async with client_of(other) as asking:
                assert (await asking.get("/ask")).status_code == 500
            assert log.entries[0]["exception"].startswith(
                "asyncpg.exceptions.InvalidTextRepresentationError [22P02]"
            )
            assert_safe(log)

    async def test_that_fails_after_the_commit(self, settings: Settings) -> None:
        database = Database(settings)

        async def fail() -> None:
            raise ValueError(URL)

        with logged() as log:
            async with database.unit_of_work() as session:
                session.after_commit(fail)
            assert_safe(log)
        await database.close()


class TestRedis:
    async def test_that_is_away(self, settings: Settings) -> None:
        with logged("debug") as log:
            async with running(settings, redis_url=REDIS_URL) as app, client_of(app) as client:
                await client.get("/readyz")
            assert "going on without Redis: ConnectionRefusedError" in [
                entry["event"] for entry in log.entries
            ]
            assert_safe(log)

    async def test_that_refuses_the_password(self, settings: Settings) -> None:
        async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"-WRONGPASS invalid geheim-4711\r\n")
            writer.close()

        server = await asyncio.start_server(refuse, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        redis = Redis(f"redis://:geheim-4711@127.0.0.1:{port}")
        with logged("debug") as log:
            await redis.start()
            await redis.close()
            assert_safe(log)
        server.close()


class TestOwnLines:
    """What this code says, should it ever say what it must not."""

    @pytest.mark.parametrize(
        "said",
        [
            "Authorization: Basic geheim==",
            '{"password": "abc\\"geheim"}',
            '{"password": "geheim',
            "[('authorization', 'geheim')]",
            "Cookie: a=b; session=geheim",
            "$argon2id$v=19$m=19456,t=2,p=1$geheim$geheim",
            "whsec_geheim",
        ],
    )
    def test_lose_what_is_secret_in_a_text(self, said: str) -> None:
        with logged("debug") as log:
            logging.getLogger("app.canary").warning("this came: %s", said)
            structlog.get_logger("app.canary").warning("this came", what=said, also=[said])
            assert_safe(log)
            assert len(log.entries) == 2

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("password_hash", "geheim"),
            ("passwords", ["geheim"]),
            ("request", {"headers": [("authorization", "geheim"), ("a", "b")]}),
            ("request", {b"cookie": "geheim"}),
            ("body", {"new_password": {"geheim": "geheim"}}),
        ],
    )
    def test_lose_what_a_name_says_is_secret(self, name: str, value: Any) -> None:
        with logged("debug") as log:
            structlog.get_logger("app.canary").warning("this came", **{name: value})
            assert_safe(log)
            assert name in log.entries[0]


class TestServer:
    """uvicorn's and asyncio's own lines."""

    async def test_that_cannot_start(self, settings: Settings, monkeypatch: Any) -> None:
        app = create_app(settings)

        async def fail() -> None:
            raise ValueError(f"cannot reach {URL}\ngeheim: 4711\nwith {PASSWORD}")

        monkeypatch.setattr(app.state.redis, "start", fail)
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="on")
        config.load()
        with logged("debug") as log:
            lifespan = LifespanOn(config)
            await lifespan.startup()
            assert lifespan.should_exit
            assert "\nValueError" in log.entries[0]["event"]
            assert_safe(log)
        await app.state.database.close()

    async def test_that_catches_an_error_after_the_answer_began(self) -> None:
        error = RuntimeError(PASSWORD)
        with logged() as log:
            logger = logging.getLogger("uvicorn.error")
            logger.error("Exception in ASGI application\n", exc_info=error)
            logger.error("ASGI callable should return None, but returned '%s'.", PASSWORD)
            assert [entry["event"] for entry in log.entries] == [
                "Exception in ASGI application",
                "ASGI callable should return None, but returned",
            ]
            assert_safe(log)

    async def test_whose_tasks_fail_unseen(self) -> None:
        async def fail() -> None:
            raise ValueError(PASSWORD)

        def called(_: str) -> None:
            raise ValueError(PASSWORD)

        loop = asyncio.get_running_loop()
        with logged() as log:
            loop.call_soon(called, PASSWORD)
            loop.call_exception_handler({"message": "lost", "exception": ValueError(PASSWORD)})
            task = asyncio.create_task(fail())
            await asyncio.wait([task])
            loop.call_exception_handler({"message": "lost", "task": task, "said": PASSWORD})
            task.exception()
            assert_safe(log)
            assert len(log.entries) == 3
