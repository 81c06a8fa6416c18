"""Clients that do not take their answers, by HTTP and by HTTPS: their connections end."""

import asyncio
import select
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from fastapi import FastAPI, Response
from fastapi.responses import StreamingResponse

from app.server import send_timeout, sockets
from app.web.dependencies import Lifecycle
from tests.server.wire import Wire, listening

TIMEOUT = 0.4
# What a machine that is busy with other tests may add.
GRACE = 30
LARGE = 1 << 23
HOST = b" HTTP/1.1\r\nHost: tickbox\r\n\r\n"
CLOSE = b" HTTP/1.1\r\nHost: tickbox\r\nConnection: close\r\n\r\n"


class Looks:
    """Each time that the server looks whether a client has taken something, until it cuts it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._arrived = sockets.arrived
        self._reset = sockets.reset
        self._looked = asyncio.Event()
        self._ended = False
        monkeypatch.setattr(sockets, "arrived", self._look)
        monkeypatch.setattr(sockets, "reset", self._end)

    def _look(self, transport: asyncio.Transport) -> tuple[int, int]:
        self._looked.set()
        return self._arrived(transport)

    def _end(self, transport: asyncio.Transport) -> None:
        self._ended = True
        self._looked.set()
        self._reset(transport)

    async def next(self) -> None:
        if not self._ended:
            self._looked.clear()
        await asyncio.wait_for(self._looked.wait(), GRACE)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    return Looks(monkeypatch)


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


def is_reset(wire: Wire, sent: bytes, read: int) -> bool:
    """Whether a client that reads so much, and then no more, is cut; it blocks until then."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
    connection.settimeout(GRACE)
    connection.connect(("127.0.0.1", wire.port))
    if wire.context is not None:
        connection = wire.context.wrap_socket(connection, server_hostname="127.0.0.1")
    with connection, suppress(ConnectionError):
        connection.sendall(sent)
        while read > 0:
            read -= len(connection.recv(read))
        cut = select.poll()
        cut.register(connection, 0)  # for nothing but that
        return bool(cut.poll(GRACE * 1000))
    return True


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
    assert await asyncio.to_thread(is_reset, wire, sent, read)


async def take(wire: Wire, looks: Looks, size: int) -> tuple[int, int]:
    """How much of a large answer comes to whom takes so much at each look; and after how many."""
    reader, writer = await wire.connect()
    window = writer.get_extra_info("socket")
    window.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 17)
    writer.write(b"GET /bytes/%d" % LARGE + HOST)
    taken = count = 0
    await reader.readuntil(b"\r\n\r\n")
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while taken < LARGE:
            await looks.next()
            part = await asyncio.wait_for(reader.readexactly(min(size, LARGE - taken)), GRACE)
            taken += len(part)
            count += 1
    writer.close()
    return taken, count


async def test_who_takes_it_slowly_gets_all_of_it(wire: Wire, looks: Looks) -> None:
    assert await take(wire, looks, LARGE // 4) == (LARGE, 4)


async def test_who_takes_it_by_the_byte_does_not(wire: Wire, looks: Looks) -> None:
    taken, _ = await take(wire, looks, send_timeout.LEAST_BYTES // 8)
    assert taken < LARGE // 4


async def test_nothing_that_waits_is_no_reason(
    wire: Wire, looks: Looks, go_on: asyncio.Event
) -> None:
    reader, writer = await wire.connect()
    for request in (b"GET /bytes/5" + HOST, b"GET /events" + HOST):
        writer.write(request)
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(4):
            await looks.next()
    go_on.set()
    answer = await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), GRACE)
    assert answer == b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"
    writer.close()
