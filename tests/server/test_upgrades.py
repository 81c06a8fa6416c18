"""An offer to upgrade is ignored (RFC 9110, section 7.8), and a body belongs to its request."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from itertools import pairwise
from pathlib import Path

import h11
import pytest
from fastapi import FastAPI, Request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.web.dependencies import Lifecycle
from tests.server.wire import Wire, listening

# Method, target and body of a request, as the app had it.
Seen = tuple[str, str, str]

SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: tickbox\r\n\r\n"
OFFERS = [
    b"Connection: Upgrade\r\nUpgrade: websocket\r\n",
    b"Upgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\nConnection: Upgrade, HTTP2-Settings\r\n",
    b"connection: keep-alive\r\nCONNECTION:upgrade\r\nuPGRADE:\tTLS/1.0, irc/6.9 \r\n",
    b"Upgrade: a\r\nProxy-Connection: upgrade\r\nUpgrade:\r\n",
]
# What is sent behind it is nothing any more.
LAST_OFFER = b"Connection: close, Upgrade\r\nUpgrade: h2c\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n%b" % (len(SMUGGLED), SMUGGLED)
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n%x;a=b\r\n%b\r\n0\r\nX: y\r\n\r\n" % (
    len(SMUGGLED),
    SMUGGLED,
)
LAST = b"GET /last HTTP/1.1\r\nHost: tickbox\r\nConnection: close\r\n\r\n"


def posted(offer: bytes, rest: bytes, line: bytes = b"POST /first HTTP/1.1") -> bytes:
    return line + b"\r\nHost: tickbox\r\n" + offer + rest


@pytest.fixture(scope="module")
def echo() -> FastAPI:
    app = FastAPI()
    app.state.lifecycle = Lifecycle()

    @app.api_route("/{path:path}", methods=["GET", "POST", "PUT", "DELETE"])
    async def echo(request: Request) -> Seen:
        assert "upgrade" not in request.headers
        body = (await request.body()).decode("latin-1")
        return request.method, request.scope["raw_path"].decode(), body

    return app


@pytest.fixture(scope="module", params=["http", "https"])
async def wire(
    echo: FastAPI, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Wire]:
    async with listening(echo, request.param, tmp_path_factory.mktemp("tls")) as wire:
        yield wire


@pytest.fixture(scope="module")
async def plain(echo: FastAPI, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Wire]:
    async with listening(echo, "http", tmp_path_factory.mktemp("plain")) as wire:
        yield wire


async def send(wire: Wire, parts: Iterable[bytes]) -> bytes:
    """What comes back until the end, to parts that arrive one by one."""
    async with asyncio.timeout(20):
        reader, writer = await wire.connect()
        for part in parts:
            writer.write(part)
            # To the server, and back to here.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        answers = await reader.read()
        writer.close()
        await writer.wait_closed()
    return answers


def seen(answers: bytes) -> list[Seen]:
    """What the app saw, by its answers, of which each is a 200."""
    *_, last = all_seen = [
        (head, body)
        for answer in answers.split(b"HTTP/1.1 ")[1:]
        for head, _, body in [answer.partition(b"\r\n\r\n")]
    ]
    assert [head[:4] for head, _ in all_seen] == [b"200 "] * len(all_seen)
    assert b"connection: close" in last[0]
    return [tuple(json.loads(body)) for _, body in all_seen]


def as_h11_reads(sent: bytes) -> list[Seen]:
    """The same of an app behind h11 that takes no offer."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(sent)
    requests: list[Seen] = []
    while True:
        request, body = connection.next_event(), b""
        assert isinstance(request, h11.Request)
        while isinstance(data := connection.next_event(), h11.Data):
            body += data.data
        assert isinstance(data, h11.EndOfMessage)
        requests.append((request.method.decode(), request.target.decode(), body.decode()))
        connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
        connection.send(h11.EndOfMessage())
        if connection.our_state is h11.MUST_CLOSE:
            return requests
        connection.start_next_cycle()


@pytest.mark.parametrize("rest", [LENGTH, CHUNKED], ids=["length", "chunked"])
@pytest.mark.parametrize("offer", [*OFFERS, LAST_OFFER], ids=range(5))
async def test_the_body_is_its_requests(wire: Wire, offer: bytes, rest: bytes) -> None:
    sent = posted(offer, rest) * 2 + LAST
    first = ("POST", "/first", SMUGGLED.decode())
    every = [first] if offer is LAST_OFFER else [first, first, ("GET", "/last", "")]
    assert as_h11_reads(sent) == every
    assert seen(await send(wire, [sent])) == every


@pytest.mark.parametrize("rest", [LENGTH, CHUNKED], ids=["length", "chunked"])
async def test_split_at_any_byte(plain: Wire, rest: bytes) -> None:
    sent = posted(OFFERS[1], rest) + LAST
    every = as_h11_reads(sent)
    assert len(every) == 2
    for at in range(1, len(sent)):
        assert seen(await send(plain, [sent[:at], sent[at:]])) == every
    assert seen(await send(plain, [sent[at : at + 1] for at in range(len(sent))])) == every


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """One that may offer an upgrade, and have a body that looks like what stands around it."""
    method = draw(st.sampled_from([b"GET", b"POST", b"PUT", b"DELETE"]))
    body = draw(st.one_of(st.just(b""), st.sampled_from([SMUGGLED, LENGTH, CHUNKED, b"0\r\n\r\n"])))
    headers = [b"Host: tickbox\r\n", draw(st.sampled_from([b"", b"", *OFFERS]))]
    match draw(st.sampled_from(["none", "length", "chunked"])):
        case "length":
            headers.append(b"Content-Length: %d\r\n" % len(body))
        case "chunked":
            headers.append(b"Transfer-Encoding: Chunked\r\n")
            at = draw(st.integers(0, len(body)))
            extension = draw(st.sampled_from([b"", b";a", b';a="b"']))
            chunks = [part for part in (body[:at], body[at:]) if part]
            body = b"".join(b"%x%b\r\n%b\r\n" % (len(part), extension, part) for part in chunks)
            body += b"0\r\n" + draw(st.sampled_from([b"", b"Upgrade: x\r\n"])) + b"\r\n"
        case _:
            body = b""
    return b"%b /%d HTTP/1.1\r\n%b\r\n%b" % (
        method,
        draw(st.integers(0, 9)),
        b"".join(draw(st.permutations(headers))),
        body,
    )


@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(sent=st.lists(requests(), min_size=1, max_size=4).map(b"".join), data=st.data())
async def test_requests_are_those_that_h11_reads(
    plain: Wire, sent: bytes, data: st.DataObject
) -> None:
    sent += LAST
    cuts = data.draw(st.lists(st.integers(1, len(sent)), max_size=6, unique=True).map(sorted))
    parts = [sent[begin:end] for begin, end in pairwise([0, *cuts, len(sent)])]
    assert seen(await send(plain, parts)) == as_h11_reads(sent)


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        (b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400),
        (b"Transfer-Encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400),
        (b"Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\nz\r\n{}\r\n0\r\n\r\n", 400),
        (b"X: " + b"a" * 70_000 + b"\r\n\r\n", 431),
    ],
    ids=range(6),
)
async def test_is_refused_for_what_it_would_be_without(
    echo: FastAPI, tmp_path: Path, rest: bytes, status: int
) -> None:
    async with listening(echo, "http", tmp_path) as wire:
        for offer in (b"", OFFERS[0]):
            answers = await wire.send(posted(offer, rest))
            assert answers.startswith(b"HTTP/1.1 %d " % status)
            assert answers.count(b"HTTP/1.1 ") == 1


async def test_the_client_is_told_once_to_go_on(plain: Wire) -> None:
    head, _, body = posted(OFFERS[0], b"Expect: 100-continue\r\n" + LENGTH).partition(b"\r\n\r\n")
    _, told, answers = (await send(plain, [head + b"\r\n\r\n", body + LAST])).partition(
        b"HTTP/1.1 100 Continue\r\n\r\n"
    )
    assert told
    assert seen(answers) == [("POST", "/first", SMUGGLED.decode()), ("GET", "/last", "")]


@pytest.mark.parametrize("target", [b"tickbox:80", b"/first", b"http://tickbox/first"])
@pytest.mark.parametrize("offer", [b"", OFFERS[0]])
@pytest.mark.parametrize(
    "rest", [LENGTH, CHUNKED, b"\r\n" + SMUGGLED], ids=["length", "chunked", ""]
)
async def test_connect_is_no_request(wire: Wire, target: bytes, offer: bytes, rest: bytes) -> None:
    answers = await wire.send(posted(offer, rest, b"CONNECT " + target + b" HTTP/1.1"))
    assert answers.startswith(b"HTTP/1.1 400 ")
    assert answers.count(b"HTTP/1.1 ") == 1
