"""What is no request, or has too large a head: a bare status, in its turn, and counted."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import Response

from app.core.settings import Settings
from app.observability.metrics import RequestCounts
from app.server.http_protocol import HEAD_BYTES
from tests.apps import running
from tests.people import Person
from tests.server.wire import Wire, listening

PATIENCE = 10
GET = b"GET /livez HTTP/1.1\r\nHost: tickbox\r\n"
CHUNKED = (
    b"POST /v1/users HTTP/1.1\r\nHost: tickbox\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n"
)
ALIVE = b'{"status":"alive"}'


@pytest.fixture(scope="module")
async def own(settings: Settings) -> AsyncIterator[FastAPI]:
    """An app that nobody else uses, so that what it counts is known."""
    async with running(settings, request_timeout=0.5) as app:
        yield app


@pytest.fixture(scope="module", params=["http", "https"])
async def wire(
    own: FastAPI, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Wire]:
    folder = tmp_path_factory.mktemp("tls")
    async with listening(own, request.param, folder, request_timeout=0.5, keep_alive=1) as wire:
        yield wire


@pytest.fixture
def counts(own: FastAPI) -> RequestCounts:
    counts: RequestCounts = own.state.metrics.requests
    counts.refused.clear()
    counts.series.clear()
    return counts


async def seen(wire: Wire, counts: RequestCounts) -> set[tuple[str | None, str, int | None]]:
    """The route, method and status of each request that the app had."""
    # By the time that another request is answered, those before have ended.
    assert (await wire.ask(GET + b"Connection: close\r\n\r\n")).status_code == 200
    return set(counts.series) - {("/livez", "GET", 200)}


async def one_seen(wire: Wire, counts: RequestCounts) -> tuple[str | None, str, int | None]:
    """The same of the one request that there was, once it has ended."""
    async with asyncio.timeout(PATIENCE):
        while not (all_seen := await seen(wire, counts)):
            pass
    [one] = all_seen
    return one


def assert_refused(response: Response, status: int) -> None:
    assert (response.status_code, response.content) == (status, b"")
    assert response.headers["connection"] == "close"


def head_of(size: int) -> bytes:
    """A whole head that counts as this many bytes."""
    rest = len(b"/livez") + len(b"Hosttickbox") + len(b"Connectionclose") + 2 * 4
    return GET + b"Connection: close\r\nX: " + b"a" * (size - rest - 5) + b"\r\n\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"a: b\r\n" * 40_000,
        b"X: " + b"a" * 600_000,
        b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        b"a: b\r\n" * 20_000 + b"\r\n",
    ],
    ids=["headers", "a header", "one large header", "many small headers"],
)
async def test_a_head_that_is_too_large_is(wire: Wire, counts: RequestCounts, rest: bytes) -> None:
    assert_refused(await wire.ask(GET + rest), 431)
    assert counts.refused == {"head_too_large": 1}
    assert await seen(wire, counts) == set()


async def test_a_long_address_is_one(wire: Wire) -> None:
    for end in (b"", b" HTTP/1.1\r\nHost: tickbox\r\n\r\n"):
        assert_refused(await wire.ask(b"GET /" + b"a" * 600_000 + end), 431)


async def test_the_limit_is_exact_for_a_whole_head(wire: Wire) -> None:
    assert (await wire.ask(head_of(HEAD_BYTES))).status_code == 200
    assert (await wire.ask(head_of(HEAD_BYTES + 1))).status_code == 431


@pytest.mark.parametrize(
    "rest",
    [b"0\r\n" + b"a: b\r\n" * 100_000, b"0\r\nX: " + b"a" * 600_000, b"2;" + b"a" * 600_000],
    ids=["trailers", "a trailer", "a chunk's extension"],
)
async def test_what_comes_after_the_head_without_being_body_is_limited(
    wire: Wire, counts: RequestCounts, rest: bytes
) -> None:
    assert_refused(await wire.ask(CHUNKED + b"\r\n2\r\n{}\r\n" + rest, "POST"), 431)
    # What the app had begun with is counted there: nobody had its answer.
    assert await one_seen(wire, counts) == ("/v1/users", "POST", None)
    assert counts.refused == {}


async def test_trailers_are_no_headers(wire: Wire, ada: Person) -> None:
    token = f"Authorization: Bearer {ada.tokens['access_token']}\r\n".encode()
    request = CHUNKED.replace(b"/users", b"/todos") + b"Connection: close\r\n\r\n"
    response = await wire.ask(request + b"2\r\n{}\r\n0\r\n" + token + b"\r\n", "POST")
    assert response.status_code == 401


async def test_a_large_body_is_no_head(wire: Wire, counts: RequestCounts) -> None:
    chunked = CHUNKED.replace(b"/v1/users", b"/v1/todos")
    large = chunked.replace(b"Transfer-Encoding: chunked", b"Content-Length: 1000000")
    small = b"1\r\n \r\n" * 50_000 + b"0\r\n\r\n"
    last = GET + b"Connection: close\r\n\r\n"
    answer = await wire.send(large + b"\r\n" + b" " * 1_000_000 + chunked + b"\r\n" + small + last)
    assert answer.count(b"HTTP/1.1 401 ") == 2
    assert answer.endswith(ALIVE)
    assert counts.refused == {}


async def test_what_is_no_http_is_told_so_and_leaves_no_line(
    wire: Wire, counts: RequestCounts, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        response = await wire.ask(GET + b"No colon here\r\n\r\n")
    assert_refused(response, 400)
    assert counts.refused == {"malformed": 1}
    assert [record for record in caplog.records if record.name == "uvicorn.error"] == []


async def test_a_body_that_is_none_is_the_apps_own_request(
    wire: Wire, counts: RequestCounts
) -> None:
    # The app waits for the body when it is known to be none.
    reader, writer = await wire.connect()
    writer.write(CHUNKED + b"\r\n1\r\n{\r\n")
    await asyncio.sleep(0)
    writer.write(b"z\r\n")
    answer = await asyncio.wait_for(reader.read(), PATIENCE)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1
    assert await one_seen(wire, counts) == ("/v1/users", "POST", None)
    assert counts.refused == {}


@pytest.mark.parametrize(
    ("last", "rest"),
    # The app waits for the body of one that was in time to be a request.
    [(b"NO HTTP\r\n\r\n", []), (CHUNKED + b"\r\nz", [b"408"])],
)
async def test_each_request_before_is_answered_and_then_the_connection_ends(
    wire: Wire, last: bytes, rest: list[bytes]
) -> None:
    answer = await wire.send(GET + b"\r\n" + GET + b"\r\n" + last)
    assert [one[:3] for one in answer.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", *rest]


async def test_who_would_upgrade_is_served_on(wire: Wire, caplog: pytest.LogCaptureFixture) -> None:
    upgrade = GET + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    with caplog.at_level(logging.DEBUG):
        answer = await wire.send(upgrade * 3 + GET + b"Connection: close\r\n\r\n")
    assert answer.count(b"HTTP/1.1 200 ") == answer.count(ALIVE) == 4
    assert [record for record in caplog.records if record.name == "uvicorn.error"] == []


async def test_empty_lines_keep_no_connection(wire: Wire) -> None:
    reader, writer = await wire.connect()
    writer.write(GET + b"\r\n")
    await reader.readuntil(ALIVE)
    writer.write(b"\r\n")
    assert await asyncio.wait_for(reader.read(), PATIENCE) == b""
    writer.close()


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("POST", "/v1/users", "/v1/users", 413),
        ("PATCH", "/v1/todos/x", "/v1/todos/{todo_id}", 413),
        ("GET", "/v1/todos", "/v1/todos", 413),
        ("DELETE", "/v1/todos/x", "/v1/todos/{todo_id}", 413),
        ("GET", "/livez", "/livez", 413),
        # These read no body.
        ("PUT", "/v1/todos", "/v1/todos", 405),
        ("GET", "/docs/assets/x", "/docs/assets", 404),
        ("POST", "/nowhere", None, 404),
    ],
)
async def test_a_body_declared_too_large_is_known_by_its_route(
    wire: Wire, counts: RequestCounts, method: str, path: str, route: str | None, status: int
) -> None:
    request = f"{method} {path} HTTP/1.1\r\nHost: tickbox\r\nExpect: 100-continue\r\n".encode()
    response = await wire.ask(request + b"Content-Length: 52428800\r\n\r\n", method, path)
    assert response.status_code == status
    assert await seen(wire, counts) == {(route, method, status)}
