"""HTTP/1.1 by hand: one kept-alive connection, and exactly what came back on it.

httpx takes a millisecond of CPU a request, on the cores that the service runs on as well: that
would be what is measured.
"""

import asyncio
import json
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

PATIENCE = 15.0  # seconds; whatever takes longer hangs

_opened: set[asyncio.StreamWriter] = set()


class Address(NamedTuple):
    """Where a service is; by HTTPS, with what its clients know."""

    host: str
    port: int
    context: ssl.SSLContext | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, and the seconds from the request's first byte to the answer's last."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def is_unavailable(self) -> bool:
        """A 503 problem as the contract has it: when to come back, and nothing of what failed."""
        return (
            self.status == 503
            and self.headers["content-type"] == "application/problem+json"
            and int(self.headers["retry-after"]) >= 1
            and self.json()["status"] == 503
        )


class Broken(Exception):
    """The connection ended, or was never made; `received` is what had come of an answer."""

    def __init__(self, received: bytes = b"", *, refused: bool = False) -> None:
        super().__init__(f"refused: {refused}, received: {received!r}")
        self.received = received
        self.refused = refused


class Connection:
    """Made with the first request; made again after the server has announced that it closes."""

    def __init__(self, address: Address, token: str | None = None) -> None:
        self._address = address
        self._authorization = f"Authorization: Bearer {token}\r\n" if token else ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """Raises `Broken`, and `TimeoutError` for what hangs."""
        content, kind = b"", "application/json"
        if body is not None:
            content = json.dumps(body).encode()
        elif form is not None:
            content, kind = urlencode(form).encode(), "application/x-www-form-urlencoded"
        head = f"{method} {path} HTTP/1.1\r\nHost: tickbox\r\n{self._authorization}"
        if content:
            head += f"Content-Type: {kind}\r\nContent-Length: {len(content)}\r\n"
        return await self.send_raw(f"{head}\r\n".encode() + content)

    async def send_raw(self, request: bytes) -> Answer:
        async with asyncio.timeout(PATIENCE):
            reader, writer = await self.open()
            begin = time.perf_counter()
            writer.write(request)
            try:
                status, headers, content = await read_answer(reader)
            except BaseException:
                self.close()
                raise
            seconds = time.perf_counter() - begin
            if headers.get("connection") == "close":
                self.close()
            return Answer(status, headers, content, seconds)

    async def open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is None:
            try:
                self._streams = await open_streams(self._address)
            except OSError as error:
                raise Broken(refused=isinstance(error, ConnectionRefusedError)) from error
        return self._streams

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def open_streams(address: Address) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection that ends with the test, if not before. Raises `OSError`."""
    host, port, context = address
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    _opened.add(writer)
    return reader, writer


async def close_all() -> None:
    """Close every connection of the test."""
    for writer in _opened:
        writer.close()
    for writer in _opened:
        with suppress(OSError):
            await writer.wait_closed()
    _opened.clear()


async def read_answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body. Raises `Broken` where it is not whole."""
    received = b""
    try:
        received = await reader.readuntil(b"\r\n\r\n")
        status_line, *lines = received.decode("latin-1").split("\r\n")
        headers = {}
        for line in filter(None, lines):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        content = await reader.readexactly(int(headers.get("content-length", "0")))
    except asyncio.IncompleteReadError as error:
        raise Broken(received + error.partial) from error
    except OSError as error:
        raise Broken(received) from error
    return int(status_line.split()[1]), headers, content


async def send_until_answered(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, chunk: bytes, most: int
) -> tuple[int, tuple[int, dict[str, str], bytes]]:
    """Go on with a request by this chunk, `most` bytes of it; gives how many went, and the answer.

    Raises as `read_answer` does.
    """
    answer = asyncio.create_task(read_answer(reader))
    sent = 0
    # What closes it while this one sends has said before why.
    with suppress(OSError):
        while sent < most and not answer.done():
            writer.write(chunk)
            sent += len(chunk)
            await writer.drain()
            await asyncio.sleep(0)  # drain() alone gives the answer no turn
    return sent, await answer
