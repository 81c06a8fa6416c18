"""How much of what clients send is held: of one, of all, and nothing once it is over."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from app.core.settings import Settings
from app.web.body_buffering import ALL, PUBLIC, Buffers, ServerBusy
from tests.apps import client_of, running
from tests.people import Person, sign_up
from tests.web.answers import faults
from tests.web.callers import Caller, Header
from tests.web.operations import FORM_OPERATIONS, JSON_OPERATIONS, Operation

BODY_BYTES = 1 << 14
TODO = {"title": "Book the train"}
TAKES_BODY = JSON_OPERATIONS + FORM_OPERATIONS


@pytest.fixture
async def small(settings: Settings) -> AsyncIterator[FastAPI]:
    """One that holds no more than four bodies."""
    async with running(
        settings, max_body_bytes=BODY_BYTES, max_buffered_bytes=4 * BODY_BYTES
    ) as app:
        yield app


@asynccontextmanager
async def unfinished(
    app: FastAPI, client: AsyncClient, path: str = "/v1/todos"
) -> AsyncIterator[asyncio.Task[Response]]:
    """A request whose body has come, but for its end."""
    has_come = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b" " * BODY_BYTES
        has_come.set()
        await asyncio.Event().wait()

    headers = {"Content-Type": "application/json"}
    sending = asyncio.create_task(client.post(path, content=body(), headers=headers))
    before = app.state.buffers.held[ALL]
    waiting = asyncio.create_task(has_come.wait())
    await asyncio.wait({sending, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if not sending.done():
        assert app.state.buffers.held[ALL] == before + BODY_BYTES
    yield sending
    sending.cancel()
    await asyncio.wait({sending})


async def test_one_caller_holds_a_quarter_and_others_go_on(small: FastAPI) -> None:
    async with sign_up(small, "Ada") as ada, sign_up(small, "Bob") as bob:
        async with unfinished(small, ada.client):
            for _ in range(2):
                refused = await ada.client.post("/v1/todos", json=TODO)
                assert list(faults(refused)) == ["is a 5xx"]
                assert (refused.status_code, refused.json()["code"]) == (503, "server_busy")
                assert refused.headers["retry-after"] == "1"
                assert refused.headers["connection"] == "close"
            assert (await bob.client.post("/v1/todos", json=TODO)).status_code == 201
            async with sign_up(small, "Carl") as carl:
                assert (await carl.get("/v1/todos")).status_code == 200
        assert (await ada.client.post("/v1/todos", json=TODO)).status_code == 201


async def test_who_has_no_token_is_known_by_the_address(small: FastAPI) -> None:
    async with (
        sign_up(small, "Ada") as ada,
        client_of(small) as stranger,
        unfinished(small, stranger, "/v1/users"),
    ):
        refused = await stranger.post("/v1/users", json={"email": "a@example.com"})
        assert (refused.status_code, refused.json()["code"]) == (503, "server_busy")
        refused = await stranger.post("/v1/oauth/token", data={"grant_type": "password"})
        assert (refused.status_code, refused.json()["code"]) == (503, "server_busy")
        assert (await ada.client.post("/v1/todos", json=TODO)).status_code == 201


async def test_what_is_refused_or_breaks_off_is_held_no_more(
    app: FastAPI, caller: Caller, ada: Person
) -> None:
    buffers: Buffers = app.state.buffers
    for operation in TAKES_BODY:
        for body in (None, b"{", b"x" * 1000, b"x" * (2 << 20), b"", b'{"x": 1}', b"\xff"):
            await caller.send(operation, body=body)
            assert not buffers.held, operation
        await caller.send(operation, headers=[(b"Content-Type", b"text/plain")])
        await caller.send(operation, query="colour=1")
    async with unfinished(app, ada.client) as sending:
        sending.cancel()
        await asyncio.wait({sending})
        assert not buffers.held

    async def breaking_off() -> AsyncIterator[bytes]:
        yield b"{"
        raise ConnectionError

    headers = {"Content-Type": "application/json"}
    response = await ada.client.post("/v1/todos", content=breaking_off(), headers=headers)
    assert (response.status_code, +buffers.held) == (500, {})


def test_who_has_no_token_leaves_half_to_those_who_have() -> None:
    buffers = Buffers(400)
    for address in (b"a", b"b"):
        buffers.take(100, ALL, PUBLIC, address)
    with pytest.raises(ServerBusy):
        buffers.take(1, ALL, PUBLIC, b"c")
    buffers.take(100, ALL, b"ada")
    buffers.give_back(100, ALL, PUBLIC, b"b")
    buffers.take(100, ALL, PUBLIC, b"c")


def test_all_together_hold_no_more_than_the_limit() -> None:
    buffers = Buffers(400)
    for caller in (b"a", b"b", b"c", b"d"):
        buffers.take(99, ALL, caller)
    buffers.take(4, ALL, b"e")
    for caller in (b"a", b"f"):
        with pytest.raises(ServerBusy):
            buffers.take(1, ALL, caller)
    buffers.give_back(99, ALL, b"b")
    buffers.take(99, ALL, b"f")
    with pytest.raises(ServerBusy):
        buffers.take(1, ALL, b"f")
    assert buffers.held[ALL] == 400


@pytest.mark.parametrize("operation", TAKES_BODY, ids=str)
async def test_body_of_what_is_refused_is_not_read(caller: Caller, operation: Operation) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    async def begun() -> AsyncIterator[bytes]:
        yield caller.body(operation)
        raise AssertionError("it was read to its end")

    kind = next(iter(operation.contents)).encode()
    refused: list[tuple[Coroutine[Any, Any, Response], int]] = [
        (caller.send(operation, body=unread(), query="colour=1"), 422),
        (caller.send(operation, body=begun(), headers=[_type(b"text/plain")]), 415),
        (caller.send(operation, body=begun(), headers=[_type(kind), _GZIP]), 415),
    ]
    if operation.scopes is not None:
        refused.append((caller.send(operation, body=unread(), signed_in=False), 401))
    if "If-Match" not in operation.parameters("header"):
        refused.append((caller.send(operation, body=unread(), headers=[(b"If-Match", b"*")]), 412))
    for sending, status in refused:
        response = await sending
        assert response.status_code == (
            400 if operation.is_form and status in (415, 422) else status
        )


_GZIP: Header = (b"Content-Encoding", b"gzip")


def _type(kind: bytes) -> Header:
    return (b"Content-Type", kind)


async def test_what_is_too_large_without_a_token_counts_too(client: AsyncClient) -> None:
    response = await client.post("/v1/oauth/token", content=b"a" * 20_000)
    assert response.status_code == 413
    assert "ratelimit" in response.headers
