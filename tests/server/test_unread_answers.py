"""Clients that do not take their answers, by HTTP and by HTTPS: their connections end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse

from app.web.dependencies import Lifecycle
from tests.server.wire import Wire, listening

TIMEOUT = 0.4
# What a machine that is busy with other tests may add.
GRACE = 30
LARGE = 1 << 23
HOST = b" HTTP/1.1\r\nHost: tickbox\r\n\r\n"
CLOSE = b" HTTP/1.1\r\nHost: tickbox\r\nConnection: close\r\n\r\n"


@pytest.fixture
def go_on() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
def large(go_on: asyncio.Event) -> FastAPI:
    app = FastAPI()
    app.state.lifecycle = Lifecycle()

    @app.get("/bytes/{size}")
    @app.head("/bytes/{size}")
    async def answer(size: int) -> Response:
        return Response(b"x" * size)

    @app.get("/parts")
    async def parts() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * 1000
                await asyncio.sleep(0)  # nothing else does, once the client is gone

        return StreamingResponse(body())

    @app.get("/events")
    async def events() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"first"
            await go_on.wait()
            yield b"second"

        return StreamingResponse(body())

    return app


@pytest.fixture(params=["http", "https"])
async def wire(
    large: FastAPI, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Wire]:
    async with listening(large, request.param, tmp_path, send_timeout=TIMEOUT) as wire:
        yield wire


@contextmanager
def held(wire: Wire, sent: bytes, read: int) -> Iterator[None]:
    """A client that reads so much, and then no more."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
    connection.settimeout(GRACE)
    connection.connect(("127.0.0.1", wire.port))
    if wire.context is not None:
        connection = wire.context.wrap_socket(connection, server_hostname="127.0.0.1")
    with connection:
        with suppress(ConnectionError):  # cut while it sends
            connection.sendall(sent)
            while read > 0:
                read -= len(connection.recv(read))
        yield


async def assert_cut(wire: Wire, sent: bytes, read: int) -> None:
    connections = wire.server.server_state.connections
    before = {*connections}
    client = held(wire, sent, read)
    await asyncio.to_thread(client.__enter__)
    await wire.send(b"GET /bytes/1" + CLOSE)  # which comes after it
    held_open = {*connections} - before
    async with asyncio.timeout(GRACE):
        while held_open & connections:
            await wire.send(b"GET /bytes/1" + CLOSE)
    client.__exit__(None, None, None)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (b"GET /bytes/%d" % LARGE + HOST, 0),
        (b"GET /bytes/%d" % LARGE + CLOSE, 0),
        (b"GET /bytes/%d" % LARGE + HOST, LARGE // 4),
        (b"GET /bytes/100000" + HOST, 0),
        (b"GET /parts" + HOST, 0),
        (b"GET /parts" + HOST, 100_000),
        ((b"GET /bytes/9000" + HOST) * 1000, 0),
        ((b"HEAD /bytes/1" + HOST) * 10_000, 0),
        ((b"GET /nowhere" + HOST) * 10_000, 0),
    ],
    ids=[
        "large",
        "large and last",
        "stops in the middle",
        "in the kernel",
        "stream",
        "stops in the middle of a stream",
        "pipelined",
        "heads",
        "errors",
    ],
)
async def test_who_does_not_take_an_answer_is_cut(wire: Wire, sent: bytes, read: int) -> None:
    await assert_cut(wire, sent, read)


async def test_nothing_that_waits_is_no_reason(wire: Wire, go_on: asyncio.Event) -> None:
    reader, writer = await wire.connect()
    writer.write(b"GET /events" + HOST)
    await reader.readuntil(b"\r\n\r\n")
    # Which takes longer than the time that it had if something waited for it.
    await assert_cut(wire, b"GET /bytes/%d" % LARGE + HOST, 0)
    go_on.set()
    answer = await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), GRACE)
    assert answer == b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"
    writer.close()


async def test_who_takes_the_last_answer_slowly_gets_all_of_it(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.server.closing._CONFIRM_SECONDS", 0.001)
    reader, writer = await wire.connect()
    writer.write(b"GET /bytes/%d" % LARGE + CLOSE)
    await reader.readuntil(b"\r\n\r\n")
    received = 0
    while part := await reader.read(1 << 12):
        received += len(part)
    assert received == LARGE
    writer.close()
