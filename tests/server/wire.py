"""Tickbox behind a real port, by HTTP and by HTTPS, and what comes back from there byte by byte."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from httpx import Request, Response
from starlette.types import ASGIApp

from app.core.settings import Settings
from app.server.config import Config
from app.server.listeners import bind
from tests.certificates import Authority


class Wire:
    """A port on which Tickbox listens."""

    def __init__(self, port: int, context: ssl.SSLContext | None, server: uvicorn.Server) -> None:
        self.port = port
        self.context = context
        self.server = server

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.context)

    async def send(self, *parts: bytes) -> bytes:
        """All that comes back until the server closes the connection."""
        async with asyncio.timeout(10):
            reader, writer = await self.connect()
            writer.writelines(parts)
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
        return answer

    async def ask(self, request: bytes, method: str = "GET", path: str = "/") -> Response:
        """The one answer to a request after which the connection is closed."""
        head, _, body = (await self.send(request)).partition(b"\r\n\r\n")
        status, *lines = head.decode("latin-1").split("\r\n")
        headers = [tuple(line.split(": ", 1)) for line in lines]
        return Response(
            int(status.split(" ")[1]),
            headers=headers,  # type: ignore[arg-type]
            content=body,
            request=Request(method, f"http://tickbox{path}"),
        )


@asynccontextmanager
async def listening(
    app: ASGIApp,
    scheme: str,
    folder: Path,
    *,
    request_timeout: float = 10,
    send_timeout: float = 30,
    keep_alive: int = 65,
) -> AsyncIterator[Wire]:
    """The app on a port as `app.server.run` has it; its own lifespan has begun already.

    By HTTPS there are files in the folder.
    """
    context = files = None
    if scheme == "https":
        authority = Authority()
        files = authority.issue(folder)
        context = authority.client_context()
    settings = Settings(
        port=0,
        request_timeout=request_timeout,
        send_timeout=send_timeout,
        keep_alive_timeout=keep_alive,
        tls_cert=None if files is None else files.certificate,
        tls_key=None if files is None else files.key,
    )
    config = Config(lambda: app, settings)
    config.lifespan = "off"
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with bind(settings) as listener:
        await server.startup(sockets=[listener])
        yield Wire(listener.getsockname()[1], context, server)
        await server.shutdown(sockets=[listener])
