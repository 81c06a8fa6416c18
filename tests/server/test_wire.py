"""What only a real connection shows, to the server that serves Tickbox, byte by byte."""

import logging
from collections.abc import AsyncIterator, Iterator

import pytest
from fastapi import FastAPI

from tests.people import Person
from tests.server.wire import Wire, listening
from tests.web.answers import faults
from tests.web.operations import DOCUMENT

CLOSE = b"Host: tickbox\r\nConnection: close\r\n"
JSON = b"Host: tickbox\r\nContent-Type: application/json\r\n"
CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n\r\n"


def _short(value: object) -> str:
    return repr(value)[:50]


@pytest.fixture(scope="module", params=["http", "https"])
async def wire(
    app: FastAPI, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Wire]:
    async with listening(app, request.param, tmp_path_factory.mktemp("tls")) as wire:
        yield wire


@pytest.fixture(autouse=True)
def nothing_unhandled(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """An error that is raised after the answer has left shows in the log only."""
    yield
    records = caplog.get_records("call")
    assert [record.message for record in records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("path", [path for path in DOCUMENT["paths"] if "{" not in path])
async def test_head_has_the_headers_of_get_and_no_body(wire: Wire, ada: Person, path: str) -> None:
    token = f"Authorization: Bearer {ada.tokens['access_token']}\r\n".encode()
    rest = f" {path} HTTP/1.1\r\n".encode() + CLOSE + token + b"\r\n"
    get, head = await wire.ask(b"GET" + rest), await wire.ask(b"HEAD" + rest, "HEAD")

    assert head.status_code == get.status_code
    assert head.content == b""
    assert get.content != b""
    changing = {"x-request-id", "date", "x-cache", "ratelimit"}
    names = get.headers.keys() - changing
    assert head.headers.keys() - changing == names
    assert {name: head.headers[name] for name in names} == {
        name: get.headers[name] for name in names
    }


async def test_connection_serves_on_after_head(wire: Wire) -> None:
    for path in (b"/livez", b"/nowhere"):
        head = b"HEAD " + path + b" HTTP/1.1\r\nHost: tickbox\r\n\r\n"
        answer = await wire.send(head, head, b"GET /livez HTTP/1.1\r\n" + CLOSE + b"\r\n")
        assert answer.count(b"HTTP/1.1 ") == 3
        assert answer.endswith(b'\r\n\r\n{"status":"alive"}')


@pytest.mark.parametrize(
    "request_line",
    [
        b"NOT A REQUEST",
        b"GET",
        b"GET /livez HTTP/9.9",
        b"GET /livez\x00 HTTP/1.1",
        b"GET /liv\xe9z HTTP/1.1",
        b"GET livez HTTP/1.1",
        b"get /livez HTTP/1.1",
        b"INVENTED /livez HTTP/1.1",
        b"CONNECT tickbox:80 HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=_short,
)
async def test_what_is_no_request_is_refused(wire: Wire, request_line: bytes) -> None:
    response = await wire.ask(request_line + b"\r\n" + CLOSE + b"\r\n")
    assert (response.status_code, response.content) == (400, b"")
    assert response.headers["connection"] == "close"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: -1\r\n\r\n{}",
        b"Content-Length: " + b"9" * 400 + b"\r\n\r\n{}",
        b"Content-Length: " + b"9" * 20 + b"\r\n\r\n{}",
        b"Content-Length: 2e0\r\n\r\n{}",
        b"Content-Length: +2\r\n\r\n{}",
        b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
        b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\nz\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"No colon here\r\n\r\n{}",
        b"X-A: a\x00b\r\n\r\n{}",
        b"X A: b\r\n\r\n{}",
        b": b\r\n\r\n{}",
    ],
    ids=_short,
)
async def test_headers_that_are_none_are_refused(wire: Wire, headers: bytes) -> None:
    answer = await wire.send(b"POST /v1/users HTTP/1.1\r\n" + JSON + headers)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close\r\n" in answer


@pytest.mark.parametrize("path", ["/v1/users", "/v1/oauth/token"])
async def test_connection_ends_after_a_body_too_large(wire: Wire, path: str) -> None:
    request_line = f"POST {path} HTTP/1.1\r\n".encode()
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
    for rest in (
        JSON + b"Content-Length: 52428800\r\n\r\n",
        JSON + b"Content-Length: 999999999999999999\r\n\r\n",
        JSON + b"Expect: 100-continue\r\nContent-Length: 52428800\r\n\r\n",
        # The last chunk is one byte too much, and there is no end.
        CHUNKED + chunk * 16 + b"1\r\n \r\n",
    ):
        response = await wire.ask(request_line + rest, "POST", path)
        assert not list(faults(response))
        assert response.status_code == 413
        assert response.headers["connection"] == "close"


async def test_answer_comes_when_the_body_is_complete(wire: Wire, ada: Person) -> None:
    token = f"Authorization: Bearer {ada.tokens['access_token']}\r\n".encode()
    request = b"POST /v1/todos HTTP/1.1\r\n" + token + b"Connection: close\r\n" + CHUNKED
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in b'{"title": "Book the train"}')
    response = await wire.ask(request + chunks + b"0\r\n\r\n", "POST")
    assert (response.status_code, response.json()["title"]) == (201, "Book the train")


async def test_client_that_goes_away_is_no_error(wire: Wire) -> None:
    for path in (b"/v1/users", b"/v1/oauth/token"):
        _, writer = await wire.connect()
        writer.write(b"POST " + path + b" HTTP/1.1\r\n" + JSON + b"Content-Length: 10\r\n\r\n{")
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        # By the time that another request is answered, the one before has ended.
        assert (await wire.ask(b"GET /livez HTTP/1.1\r\n" + CLOSE + b"\r\n")).status_code == 200


async def test_large_headers_are_no_error(wire: Wire) -> None:
    for header in (
        b"X-Large: " + b"a" * 60_000,
        b"X-Request-Id: " + b"a" * 60_000,
        b"Cookie: " + b"a=b; " * 12_000,
        b"\r\n".join(b"X-%d: a" % number for number in range(5_000)),
    ):
        request = b"GET /livez HTTP/1.1\r\n" + CLOSE + header + b"\r\n\r\n"
        response = await wire.ask(request)
        assert response.status_code == 200
        assert len(response.headers["x-request-id"]) == 36


async def test_bytes_that_are_not_ascii_are_no_error(wire: Wire) -> None:
    for name in (b"Authorization", b"X-Request-Id", b"Accept", b"If-None-Match", b"X"):
        for value in (b"\xff\xfe", b"\x80", "é".encode(), b"Bearer \xff", b'"\xff"'):
            request = b"GET /v1/todos HTTP/1.1\r\n" + CLOSE + name + b": " + value + b"\r\n\r\n"
            response = await wire.ask(request)
            assert not list(faults(response))
            assert response.status_code == 401


async def test_headers_given_twice_are_no_error(wire: Wire, ada: Person) -> None:
    token = f"Authorization: Bearer {ada.tokens['access_token']}\r\n".encode()
    for header, status in (
        (token, 400),
        (b"Accept: */*\r\n", 200),
        (b"X-Request-Id: a\r\n", 200),
        (b'If-None-Match: "1"\r\n', 200),
    ):
        line = b"GET /v1/todos HTTP/1.1\r\n" + CLOSE
        response = await wire.ask(line + token * (header != token) + header * 2 + b"\r\n")
        assert not list(faults(response))
        assert response.status_code == status


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"http://elsewhere.example/livez", 200),
        (b"http://elsewhere.example:1/livez?", 200),
        (b"/livez#fragment", 200),
        (b"//livez", 404),
        (b"/./livez", 404),
        (b"/docs/../livez", 404),
        (b"/docs/assets/../../livez", 404),
        (b"/%6civez", 200),
        (b"/livez%00", 404),
        (b"/livez/%ff", 404),
        (b"/%2e%2e/%2e%2e/etc/passwd", 404),
        (b"/docs/assets/%2e%2e/%2e%2e/%2e%2e/etc/passwd", 404),
        (b"/docs/assets/%00", 404),
        (b"/docs/assets/" + b"a" * 5_000, 404),
        (b"/livez?%", 422),
        (b"/livez?a=%00&a=%ff", 422),
        (b"/livez?" + b"a" * 60_000, 422),
        (b"/v1/todos?colour=" + b"%41" * 15_000, 401),
    ],
    ids=_short,
)
async def test_address_in_any_form_is_no_error(wire: Wire, target: bytes, status: int) -> None:
    response = await wire.ask(b"GET " + target + b" HTTP/1.1\r\n" + CLOSE + b"\r\n")
    assert not list(faults(response))
    assert response.status_code == status


async def test_asterisk_is_nowhere(wire: Wire) -> None:
    response = await wire.ask(b"OPTIONS * HTTP/1.1\r\n" + CLOSE + b"\r\n", "OPTIONS")
    assert not list(faults(response))
    assert response.status_code == 404


async def test_old_clients_are_served(wire: Wire) -> None:
    response = await wire.ask(b"GET /livez HTTP/1.0\r\n\r\n")
    assert (response.status_code, response.content) == (200, b'{"status":"alive"}')


@pytest.mark.parametrize(
    "hosts",
    [
        b"",
        b"Host: tickbox\r\nHost: tickbox\r\n",
        b"Host:\r\n",
        b"Host: a b\r\n",
        b"Host: tickbox/evil\r\n",
        b"Host: ada@tickbox\r\n",
        b"Host: tickbox:http\r\n",
        b"Host: \xff\xfe\r\n",
    ],
    ids=_short,
)
async def test_each_request_names_one_host(wire: Wire, hosts: bytes) -> None:
    path = b"/.well-known/oauth-authorization-server"
    request = b"GET " + path + b" HTTP/1.1\r\nConnection: close\r\n" + hosts + b"\r\n"
    response = await wire.ask(request)
    assert not list(faults(response))
    assert (response.status_code, response.json()["code"]) == (400, "malformed_request")
    assert "Host" in response.json()["detail"]


@pytest.mark.parametrize(
    "host", [b"tickbox", b"a_b.example:8000", b"127.0.0.1:80", b"[::1]:8000", b"[fe80::1%25en0]"]
)
async def test_a_host_may_be_written_in_any_way(wire: Wire, host: bytes) -> None:
    request = b"GET /livez HTTP/1.1\r\nConnection: close\r\nHost: " + host + b"\r\n\r\n"
    assert (await wire.ask(request)).status_code == 200
