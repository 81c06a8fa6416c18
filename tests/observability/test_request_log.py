"""The line that each request leaves, however it ends."""

import asyncio
import io
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.responses import StreamingResponse
from httpx import AsyncClient

from app.core.settings import Settings
from app.observability.metrics import RequestCounts
from app.security.access_tokens import new_opaque_token
from app.web.body_buffering import Buffers
from app.web.dependencies import Lifecycle
from app.web.request_middleware import RequestMiddleware
from tests.apps import client_of, running
from tests.observability.logged import Json, Stuck, Terminal, logged
from tests.people import Person, sign_up
from tests.server.wire import listening


def without_changing(entry: Json) -> Json:
    assert entry.pop("timestamp").endswith("Z")
    assert 0 < entry.pop("duration_ms") < 60_000
    return entry


async def test_says_who_asked_for_what_and_what_became_of_it(ada: Person) -> None:
    todo = await ada.make_todo()
    with logged() as log:
        url = f"/v1/todos/{todo['id']}?geheim=4711"
        await ada.get(url, headers={"X-Request-Id": "mine"})

        [entry] = log.entries
    assert "geheim" not in log.text
    assert without_changing(entry) == {
        "level": "info",
        "event": "request",
        "request_id": "mine",
        "user_id": str(ada.id),
        "method": "GET",
        "route": "/v1/todos/{todo_id}",
        "status": 422,
        "outcome": "completed",
    }


async def test_says_no_path_that_is_not_known(ada: Person) -> None:
    with logged() as log:
        await ada.get("/v1/geheim-4711")
        await ada.client.head("/.well-known/jwks.json")
        await ada.client.put("/v1/todos")
        await ada.get("/docs/assets/geheim-4711")

        said = [(e["method"], e["route"], e["status"], e["user_id"]) for e in log.requests]
    assert said == [
        ("GET", None, 404, None),
        ("HEAD", "/.well-known/jwks.json", 200, None),
        ("PUT", "/v1/todos", 405, None),
        ("GET", "/docs/assets", 404, None),
    ]
    assert "geheim" not in log.text


async def test_says_whom_a_limit_keeps_out(settings: Settings) -> None:
    async with (
        running(settings, limit_user_burst=1, limit_user_per_second=1) as app,
        sign_up(app) as person,
    ):
        with logged() as log:
            answers = [await person.get("/v1/todos") for _ in range(3)]
            said = [(entry["status"], entry["user_id"]) for entry in log.requests]
    assert answers[-1].status_code == 429
    assert said[-1] == (429, str(person.id))


async def test_of_health_checks_is_for_debugging(app: FastAPI) -> None:
    async with client_of(app) as client:
        with logged() as log:
            await client.get("/livez")
            await client.get("/readyz")
            assert log.text == ""
        with logged("debug") as log:
            await client.get("/livez")
            assert [(e["level"], e["route"]) for e in log.requests] == [("debug", "/livez")]


async def test_is_left_out_where_only_failures_are_logged(client: AsyncClient) -> None:
    with logged("warning") as log:
        await client.get("/v1/todos")
        assert log.text == ""


async def test_waits_for_no_stream_that_takes_nothing(ada: Person) -> None:
    stream = Stuck()
    with logged(stream=stream) as log:
        answers = [(await ada.get("/v1/todos")).status_code]
        assert await asyncio.to_thread(stream.tried.wait, 20)
        answers += [(await ada.get("/v1/todos")).status_code for _ in range(20)]
        stream.let.set()
        assert answers == [entry["status"] for entry in log.requests] == [200] * 21


async def test_is_readable_on_a_terminal(client: AsyncClient) -> None:
    with logged(stream=Terminal()) as log:
        await client.get("/v1/todos", headers={"X-Request-Id": "mine"})
        [line] = log.text.splitlines()
    assert "GET /v1/todos 401 in " in line
    assert "mine" in line


async def test_has_a_new_id_for_one_that_looks_like_a_token(client: AsyncClient) -> None:
    token = new_opaque_token()
    with logged() as log:
        answer = await client.get("/v1/todos", headers={"X-Request-Id": token})
        assert token not in log.text
        [entry] = log.requests
    assert entry["request_id"] == answer.headers["x-request-id"] != token


@pytest.fixture
def small() -> FastAPI:
    """An app whose requests end in other ways."""
    app = FastAPI(openapi_url=None)
    app.middleware_stack = RequestMiddleware(
        AsyncExitStackMiddleware(app.router), Buffers(timeout=0.2), RequestCounts()
    )
    app.state.lifecycle = Lifecycle()
    app.state.reached = asyncio.Event()

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("geheim-4711")

    @app.get("/breaks-off")
    async def breaks_off() -> Response:
        async def body() -> AsyncIterator[bytes]:
            yield b"half"
            raise ValueError("geheim-4711")

        return StreamingResponse(body())

    @app.get("/waits")
    async def waits() -> None:
        app.state.reached.set()
        await asyncio.Event().wait()

    @app.post("/reads")
    async def reads(request: Request) -> int:
        app.state.reached.set()
        return len(await request.body())

    @app.get("/ignores")
    async def ignores() -> Response:
        app.state.reached.set()
        await app.state.go_on.wait()
        return Response("done")

    return app


async def test_of_an_error_follows_what_is_said_of_the_error(small: FastAPI) -> None:
    with logged() as log:
        async with client_of(small) as client:
            await client.get("/fails", headers={"X-Request-Id": "mine"})
        error, request = log.entries
    assert error["exception"].startswith("ValueError\n")
    assert error["request_id"] == "mine"
    assert "geheim" not in log.text
    assert (request["level"], request["status"]) == ("warning", 500)
    assert request["outcome"] == "completed"


async def test_is_left_by_one_that_breaks_off(small: FastAPI) -> None:
    with logged() as log:
        async with client_of(small) as client:
            with pytest.raises(ValueError, match="geheim"):
                await client.get("/breaks-off")
        [entry] = log.entries
    assert (entry["level"], entry["status"], entry["outcome"]) == ("warning", 200, "failed")


async def test_is_left_by_one_that_is_cancelled(small: FastAPI) -> None:
    with logged() as log:
        async with client_of(small) as client:
            request = asyncio.create_task(client.get("/waits"))
            await small.state.reached.wait()
            request.cancel()
            with pytest.raises(asyncio.CancelledError):
                await request
        [entry] = log.entries
    assert (entry["status"], entry["outcome"]) == (None, "cancelled")


class Line(io.StringIO):
    """A stream that tells when something was written, and what."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.get_running_loop()
        self.written = asyncio.Event()

    def write(self, text: str) -> int:
        self.loop.call_soon_threadsafe(self.written.set)
        return super().write(text)


@pytest.fixture
async def port(small: FastAPI, tmp_path: Path) -> AsyncIterator[int]:
    async with listening(small, "http", tmp_path) as wire:
        yield wire.port


@pytest.mark.parametrize(
    "rest", [b"Content-Length: 5\r\n\r\ngeh", b"Transfer-Encoding: chunked\r\n\r\n"]
)
async def test_is_left_by_one_that_is_cut_off(small: FastAPI, port: int, rest: bytes) -> None:
    stream = Line()
    with logged(stream=stream) as log:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /reads HTTP/1.1\r\nHost: x\r\n" + rest)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        await asyncio.wait_for(stream.written.wait(), 20)
        writer.close()
        [entry] = log.entries
    assert (entry["route"], entry["status"], entry["outcome"]) == ("/reads", 408, "completed")


async def test_is_left_by_one_whose_client_has_gone(small: FastAPI, port: int) -> None:
    small.state.go_on = asyncio.Event()
    stream = Line()
    with logged(stream=stream) as log:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /ignores HTTP/1.1\r\nHost: x\r\n\r\n")
        await asyncio.wait_for(small.state.reached.wait(), 20)
        writer.close()
        await writer.wait_closed()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            # By now the server has seen the end of the first connection.
            await client.get("/nowhere")
        small.state.go_on.set()
        while len(log.requests) < 2:
            stream.written.clear()
            await asyncio.wait_for(stream.written.wait(), 20)
        said = {entry["route"]: entry["outcome"] for entry in log.requests}
    assert said == {None: "completed", "/ignores": "disconnected"}
