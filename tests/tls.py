"""A server that speaks TLS before one that does not, as a platform's: it hands on what it hears."""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from app.core import urls
from tests import driver
from tests.certificates import Files

_SSL_REQUEST = struct.pack("!ll", 8, 80877103)
_ENDS = (OSError, ssl.SSLError, asyncio.IncompleteReadError)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Proxy:
    """Where it listens, and how many connections were encrypted, and how many were not."""

    port = 0
    encrypted = 0
    plain = 0

    def __init__(self, upstream: Any, context: ssl.SSLContext | None) -> None:
        self._upstream = upstream
        self._context = context
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve_postgres(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        with suppress(*_ENDS):
            first = await reader.readexactly(8)
            if first == _SSL_REQUEST:
                writer.write(b"N" if self._context is None else b"S")
                first = b""
                if self._context is not None:
                    await writer.start_tls(self._context)
                    self.encrypted += 1
            if first:
                self.plain += 1
            await self._hand_on((reader, writer), first)
        writer.close()

    async def serve_redis(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.encrypted += 1
        with suppress(*_ENDS):
            await self._hand_on((reader, writer), b"")
        writer.close()

    async def _hand_on(self, client: Streams, first: bytes) -> None:
        server: Streams = await self._upstream()
        server[1].write(first)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_copy(client[0], server[1]))
                group.create_task(_copy(server[0], client[1]))
        finally:
            server[1].close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(*_ENDS):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


def context_of(files: Files, *, clients: Path | None = None) -> ssl.SSLContext:
    """A server's; with `clients` it asks for a certificate that this CA has signed."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=clients)
    context.load_cert_chain(files.certificate, files.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


@asynccontextmanager
async def before_postgres(url: str, context: ssl.SSLContext | None) -> AsyncIterator[Proxy]:
    """A PostgreSQL at `port` of this machine that speaks TLS, or says that it does not."""
    [address], _ = driver.read(url)

    async def upstream() -> Streams:
        if isinstance(address, str):
            return await asyncio.open_unix_connection(address)
        return await asyncio.open_connection(*address)

    proxy = Proxy(upstream, context)
    async with await asyncio.start_server(proxy.serve_postgres, "127.0.0.1", 0) as server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy


@asynccontextmanager
async def before_redis(url: str, context: ssl.SSLContext) -> AsyncIterator[Proxy]:
    """A Redis at `port` of this machine that speaks TLS, and nothing else."""
    options, _ = urls.redis(url)

    async def upstream() -> Streams:
        if "path" in options:
            return await asyncio.open_unix_connection(options["path"])
        return await asyncio.open_connection(options["host"], options.get("port", 6379))

    proxy = Proxy(upstream, context)
    async with await asyncio.start_server(proxy.serve_redis, "127.0.0.1", 0, ssl=context) as server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy


def through(url: str, proxy: Proxy, query: str, host: str = "localhost") -> str:
    """The URL of the same database by way of the proxy."""
    parsed = make_url(url).set(drivername="postgres", host=host, port=proxy.port, query={})
    return f"{parsed.render_as_string(hide_password=False)}?{query}"
