"""Slow clients, by HTTP and by HTTPS: a request arrives whole in time, or its connection ends."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from app.server import http_protocol
from app.server.http_protocol import protocol
from app.server.tls import Certificate
from tests.certificates import Authority

TIMEOUT = 0.3
# What a machine that is busy with other tests may add.
GRACE = 5
HEAD = b"GET /livez HTTP/1.1\r\nHost: tickbox\r\n"
BODY = b"POST /v1/users HTTP/1.1\r\nHost: tickbox\r\nContent-Type: application/json\r\n"


Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


@pytest.fixture(params=["http", "https"])
async def connect(
    app: FastAPI, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Connect]:
    """The app behind a server that waits for requests no longer than `TIMEOUT`."""
    config = uvicorn.Config(app, http=protocol(TIMEOUT, 30), lifespan="off", log_config=None)
    context = None
    if request.param == "https":
        authority = Authority()
        files = authority.issue(tmp_path)
        certificate = Certificate(files.certificate, files.key)
        config.ssl_context_factory = lambda *_: certificate.context
        context = authority.client_context()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 15)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve([listener]))
        yield partial(asyncio.open_connection, *listener.getsockname(), ssl=context)
        server.should_exit = True
        await serving


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"G",
        HEAD,
        BODY + b'Content-Length: 100\r\n\r\n{"email"',
        BODY + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"ema\r\n',
    ],
    ids=["nothing", "a byte", "half a head", "half a body", "a chunk"],
)
async def test_a_request_that_does_not_arrive_is_given_up(connect: Connect, sent: bytes) -> None:
    reader, writer = await connect()
    writer.write(sent)

    answer = await asyncio.wait_for(reader.read(), TIMEOUT + GRACE)

    assert answer.startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_bytes_that_keep_coming_are_no_reason_to_wait(connect: Connect) -> None:
    reader, writer = await connect()
    loop = asyncio.get_running_loop()
    begin = loop.time()
    writer.write(HEAD)
    # Not to the end: that is a reset, where a byte was on its way.
    answer = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))

    while not answer.done() and loop.time() < begin + TIMEOUT + GRACE:
        writer.write(b"x")
        await asyncio.wait([answer], timeout=TIMEOUT / 10)

    assert (await answer).startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_a_connection_is_kept_for_the_next_request(connect: Connect) -> None:
    reader, writer = await connect()
    writer.write(HEAD + b"\r\n")
    first = await reader.readuntil(b'{"status":"alive"}')

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), TIMEOUT * 2)
    writer.write(HEAD + b"\r\n")
    second = await reader.readuntil(b'{"status":"alive"}')

    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_a_client_that_is_refused_while_it_sends_reads_why(connect: Connect) -> None:
    reader, writer = await connect()
    writer.write(BODY + b"Content-Length: 4000000\r\n\r\n" + b" " * 4_000_000)

    answer = await asyncio.wait_for(reader.read(), GRACE)

    assert answer.startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_a_slow_reader_gets_all_of_an_answer_after_which_the_connection_ends(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_protocol, "_ARRIVED_SECONDS", 0.02)
    reader, writer = await connect()
    # A small window, so that most of it has to wait in the server's process.
    window = writer.get_extra_info("socket")
    window.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
    writer.write(b"GET /openapi.json HTTP/1.1\r\nHost: tickbox\r\nConnection: close\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), TIMEOUT * 2)
    window.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    body = await asyncio.wait_for(reader.read(), GRACE)

    assert f"content-length: {len(body)}\r\n" in head
    assert len(body) > 100_000
    writer.close()


async def send_on(writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b" " * (1 << 16))
        await writer.drain()
        await asyncio.sleep(0)


@pytest.mark.parametrize(("seconds", "size"), [(TIMEOUT, 1 << 30), (60, 1 << 20)])
async def test_a_client_that_does_not_stop_is_cut(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, seconds: float, size: int
) -> None:
    monkeypatch.setattr(http_protocol, "_LINGER_SECONDS", seconds)
    monkeypatch.setattr(http_protocol, "_LINGER_BYTES", size)
    reader, writer = await connect()
    writer.write(BODY + b"Content-Length: 4000000000\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")

    async with asyncio.timeout(GRACE):
        with pytest.raises(ConnectionError):
            await send_on(writer)
    writer.close()
