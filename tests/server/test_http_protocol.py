"""Slow clients, by HTTP and by HTTPS: a request arrives whole in time, or its connection ends."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.core.settings import Settings
from app.server.config import Config
from tests.apps import running
from tests.server.wire import Wire, listening

TIMEOUT = 0.3
# What a machine that is busy with other tests may add.
GRACE = 10
HEAD = b"GET /livez HTTP/1.1\r\nHost: tickbox\r\n"
BODY = b"POST /v1/users HTTP/1.1\r\nHost: tickbox\r\nContent-Type: application/json\r\n"
ALIVE = b'{"status":"alive"}'
HALF_A_BODY = [
    BODY + b'Content-Length: 100\r\n\r\n{"email"',
    BODY + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"ema\r\n',
]


@pytest.fixture(scope="module")
async def hasty(settings: Settings) -> AsyncIterator[FastAPI]:
    """An app that waits for bodies no longer than `TIMEOUT`."""
    async with running(settings, request_timeout=TIMEOUT) as app:
        yield app


@pytest.fixture(params=["http", "https"])
async def wire(
    hasty: FastAPI, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Wire]:
    """It behind a server that waits for heads no longer than that."""
    async with listening(hasty, request.param, tmp_path, request_timeout=TIMEOUT) as wire:
        yield wire


@pytest.mark.parametrize("sent", [b"", b"G", HEAD], ids=["nothing", "a byte", "half a head"])
async def test_a_head_that_does_not_arrive_ends_its_connection(
    wire: Wire, hasty: FastAPI, sent: bytes
) -> None:
    refused = hasty.state.lifecycle.refused
    refused.clear()
    assert await wire.send(sent) == b""
    assert refused == {"timeout": 1}


@pytest.mark.parametrize("sent", HALF_A_BODY, ids=["half a body", "a chunk"])
async def test_a_body_that_does_not_arrive_is_told_so(wire: Wire, sent: bytes) -> None:
    form = sent.replace(b"/users", b"/oauth/token").replace(b"json", b"x-www-form-urlencoded")
    for path, request in (("/v1/users", sent), ("/v1/oauth/token", form)):
        response = await wire.ask(request, "POST", path)
        assert (response.status_code, response.json()["code"]) == (408, "request_timeout")
        assert response.headers["connection"] == "close"


@pytest.mark.parametrize(("sent", "status"), [(HEAD, None), (HALF_A_BODY[1], 408)])
async def test_bytes_that_keep_coming_are_no_reason_to_wait(
    wire: Wire, sent: bytes, status: int | None
) -> None:
    reader, writer = await wire.connect()
    loop = asyncio.get_running_loop()
    begin = loop.time()
    writer.write(sent)
    # Not to the end: that is a reset, where a byte was on its way.
    answer = asyncio.create_task(reader.read(1 << 16))

    while not answer.done() and loop.time() < begin + TIMEOUT + GRACE:
        writer.write(b"1")
        await asyncio.wait([answer], timeout=TIMEOUT / 10)

    if status is None:
        assert isinstance(answer.exception(), ConnectionError) or answer.result() == b""
    else:
        assert answer.result().startswith(b"HTTP/1.1 %d " % status)
    writer.close()


async def test_what_was_asked_before_is_answered(wire: Wire) -> None:
    answer = await wire.send(HEAD + b"\r\n" + HEAD)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(ALIVE)


async def test_a_connection_is_kept_for_the_next_request(wire: Wire) -> None:
    reader, writer = await wire.connect()
    writer.write(HEAD + b"\r\n")
    first = await reader.readuntil(ALIVE)

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), TIMEOUT * 2)
    writer.write(HEAD + b"\r\n")
    second = await reader.readuntil(ALIVE)

    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_a_connection_that_is_made_at_the_end_has_one_answer(wire: Wire) -> None:
    """A handshake may end once the others have been told to go."""
    assert isinstance(wire.server.config, Config)
    wire.server.config.is_ending = True
    answer = await wire.send(HEAD + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close\r\n" in answer


async def test_a_client_that_is_refused_while_it_sends_reads_why(wire: Wire) -> None:
    reader, writer = await wire.connect()
    writer.write(BODY + b"Content-Length: 4000000\r\n\r\n" + b" " * 4_000_000)

    answer = await asyncio.wait_for(reader.read(), GRACE)

    assert answer.startswith(b"HTTP/1.1 413 ")
    writer.close()


async def test_a_slow_reader_gets_all_of_an_answer_after_which_the_connection_ends(
    wire: Wire,
) -> None:
    reader, writer = await wire.connect()
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


async def test_a_client_that_does_not_stop_is_cut(wire: Wire) -> None:
    reader, writer = await wire.connect()
    writer.write(BODY + b"Content-Length: 4000000000\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")

    async with asyncio.timeout(GRACE):
        with pytest.raises(ConnectionError):
            await send_on(writer)
    writer.close()
