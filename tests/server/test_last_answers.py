"""Answers that are given without the app: in their form, in their turn, and counted."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx import Response

from app.core.settings import Settings
from app.observability.metrics import REASONS, RequestCounts
from app.server import http_protocol
from app.server.heads import HEAD_BYTES, PATH_BYTES
from tests.apps import running
from tests.people import Person
from tests.server.wire import Wire, listening
from tests.web.answers import faults

PATIENCE = 10
GET = b"GET /livez HTTP/1.1\r\nHost: tickbox\r\n"
# The last header is known once there is another line.
WHO = b"X-Request-Id: mine\r\nOrigin: https://app.example\r\nAccept: */*\r\n"
CHUNKED = (
    b"POST /v1/users HTTP/1.1\r\nHost: tickbox\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n"
)
ALIVE = b'{"status":"alive"}'


@pytest.fixture(scope="module")
async def own(settings: Settings) -> AsyncIterator[FastAPI]:
    """An app that nobody else uses, so that what it counts is known."""
    async with running(settings) as app:
        yield app


@pytest.fixture(scope="module", params=["http", "https"])
def scheme(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
async def wire(
    own: FastAPI, scheme: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Wire]:
    folder = tmp_path_factory.mktemp("tls")
    async with listening(own, scheme, folder, request_timeout=0.5, keep_alive=1) as wire:
        yield wire


@pytest.fixture
def counts(own: FastAPI) -> RequestCounts:
    counts: RequestCounts = own.state.metrics.requests
    counts.refused.clear()
    counts.series.clear()
    return counts


@pytest.fixture(autouse=True)
def short_farewell(monkeypatch: pytest.MonkeyPatch) -> None:
    """By HTTPS the connection ends after that, for a client that waits for the end."""
    monkeypatch.setattr(http_protocol, "_LINGER_SECONDS", 0.2)


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


def assert_refused(response: Response, status: int, code: str, scheme: str) -> None:
    assert not list(faults(response))
    assert (response.status_code, response.json()["code"]) == (status, code)
    headers = response.headers
    assert headers["connection"] == "close"
    assert ("strict-transport-security" in headers) == (scheme == "https")


def head_of(size: int) -> bytes:
    """A whole head that counts as this many bytes."""
    rest = len(b"/livez") + len(b"Hosttickbox") + len(b"Connectionclose") + 2 * 4
    return GET + b"Connection: close\r\nX: " + b"a" * (size - rest - 5) + b"\r\n\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"a: b\r\n" * 20_000,
        b"X: " + b"a" * 600_000,
        b"X: " + b"a" * 100_000 + b"\r\n\r\n",
        b"a: b\r\n" * 20_000 + b"\r\n",
    ],
    ids=["headers", "a header", "one large header", "many small headers"],
)
async def test_a_head_that_is_too_large_is(
    wire: Wire, counts: RequestCounts, scheme: str, rest: bytes
) -> None:
    response = await wire.ask(GET + WHO + rest)
    assert_refused(response, 431, "head_too_large", scheme)
    assert response.json()["params"] == {"max_bytes": HEAD_BYTES}
    assert response.headers["x-request-id"] == "mine"
    assert counts.refused == {"head_too_large": 1}
    assert await seen(wire, counts) == set()


async def test_a_long_address_is_one(wire: Wire, scheme: str) -> None:
    for end in (b"", b" HTTP/1.1\r\nHost: tickbox\r\n\r\n"):
        response = await wire.ask(b"GET /" + b"a" * 600_000 + end)
        assert_refused(response, 431, "head_too_large", scheme)


async def test_a_path_has_a_limit_of_its_own(wire: Wire, scheme: str) -> None:
    # It counts as it is sent; a query may be as long as the rest of the head.
    path, query = b"/" + b"%" * (PATH_BYTES - 1), b"?" + b"%" * 50_000
    rest = b" HTTP/1.1\r\nHost: tickbox\r\nConnection: close\r\n\r\n"
    assert (await wire.ask(b"GET " + path + query + rest)).status_code == 404
    response = await wire.ask(b"GET " + path + b"%" + query + rest)
    assert_refused(response, 431, "head_too_large", scheme)
    assert response.json()["params"] == {"max_bytes": PATH_BYTES}


async def test_the_limit_is_exact_for_a_whole_head(wire: Wire) -> None:
    assert (await wire.ask(head_of(HEAD_BYTES))).status_code == 200
    assert (await wire.ask(head_of(HEAD_BYTES + 1))).status_code == 431


@pytest.mark.parametrize(
    "rest",
    [b"0\r\n" + b"a: b\r\n" * 100_000, b"0\r\nX: " + b"a" * 600_000, b"2;" + b"a" * 600_000],
    ids=["trailers", "a trailer", "a chunk's extension"],
)
async def test_what_comes_after_the_head_without_being_body_is_limited(
    wire: Wire, counts: RequestCounts, scheme: str, rest: bytes
) -> None:
    response = await wire.ask(CHUNKED + WHO + b"\r\n2\r\n{}\r\n" + rest, "POST")
    assert_refused(response, 431, "head_too_large", scheme)
    # What the app had begun with is counted there.
    assert await one_seen(wire, counts) == ("/v1/users", "POST", 431)
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


async def test_what_is_refused_is_counted_by_its_reason(wire: Wire, counts: RequestCounts) -> None:
    for sent in (b"NO HTTP\r\n", b"NO HTTP\r\n", GET + b"X: " + b"a" * 300_000):
        await wire.send(sent)
    assert counts.refused == {"malformed": 2, "head_too_large": 1}
    assert counts.refused.keys() <= {*REASONS}


async def test_what_is_no_http_is_told_so_and_leaves_no_line(
    wire: Wire, counts: RequestCounts, scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        response = await wire.ask(GET + WHO + b"No colon here\r\n\r\n")
    assert_refused(response, 400, "malformed_request", scheme)
    assert response.headers["x-request-id"] == "mine"
    assert counts.refused == {"malformed": 1}
    assert [record for record in caplog.records if record.name == "uvicorn.error"] == []


@pytest.mark.parametrize("sent", [b"", GET + WHO])
async def test_a_head_that_does_not_arrive_is_told_so(
    wire: Wire, counts: RequestCounts, scheme: str, sent: bytes
) -> None:
    response = await wire.ask(sent)
    assert_refused(response, 408, "request_timeout", scheme)
    assert counts.refused == {"timeout": 1}


@pytest.mark.parametrize(
    ("rest", "status", "code"),
    [(b"5\r\n{", 408, "request_timeout"), (b"z\r\n{", 400, "malformed_request")],
)
async def test_a_body_that_does_not_is_the_apps_own_request(
    wire: Wire, counts: RequestCounts, scheme: str, rest: bytes, status: int, code: str
) -> None:
    # The first is answered before the second one's body is known to be none.
    response = await wire.ask(CHUNKED + WHO + b"\r\n" + rest, "POST")
    assert_refused(response, status, code, scheme)
    assert response.headers["x-request-id"] == "mine"
    assert await one_seen(wire, counts) == ("/v1/users", "POST", status)
    assert counts.refused == {}


@pytest.mark.parametrize(
    ("last", "status"), [(b"NO HTTP\r\n\r\n", 400), (GET, 408), (CHUNKED + b"\r\nz", 400)]
)
async def test_each_request_before_is_answered_first(wire: Wire, last: bytes, status: int) -> None:
    answer = await wire.send(GET + b"\r\n" + GET + b"\r\n" + last)
    first, second, third = answer.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 ")
    assert second.startswith(b"200 ")
    assert third.startswith(b"%d " % status)


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
    ("method", "path", "route"),
    [
        ("POST", "/v1/users", "/v1/users"),
        ("PATCH", "/v1/todos/x", "/v1/todos/{todo_id}"),
        ("GET", "/v1/todos", "/v1/todos"),
        ("DELETE", "/v1/todos/x", "/v1/todos/{todo_id}"),
        ("PUT", "/v1/todos", "/v1/todos"),
        ("GET", "/livez", "/livez"),
        ("GET", "/docs/assets/x", "/docs/assets"),
        ("POST", "/nowhere", None),
    ],
)
async def test_a_body_declared_too_large_is_known_by_its_route(
    wire: Wire, counts: RequestCounts, method: str, path: str, route: str | None
) -> None:
    request = f"{method} {path} HTTP/1.1\r\nHost: tickbox\r\nExpect: 100-continue\r\n".encode()
    response = await wire.ask(request + b"Content-Length: 52428800\r\n\r\n", method, path)
    assert response.status_code == 413
    assert await seen(wire, counts) == {(route, method, 413)}
