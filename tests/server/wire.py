"""Tickbox behind a real port, by HTTP and by HTTPS, and what comes back from there byte by byte."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from httpx import Request, Response
from starlette.types import ASGIApp

from app.server.http_protocol import Config, HttpProtocol
from tests.certificates import Authority


class Wire:
    """A port on which Tickbox listens."""

    def __init__(self, port: int, context: ssl.SSLContext | None, config: Config) -> None:
        self.port = port
        self.config = config
        self.context = context

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
    config = Config(
        lambda: app,
        factory=True,
        http=HttpProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        timeout_keep_alive=keep_alive,
    )
    config.request_timeout, config.send_timeout = request_timeout, send_timeout
    context = None
    if scheme == "https":
        authority = Authority()
        files = authority.issue(folder)
        config.ssl_certfile, config.ssl_keyfile = files.certificate, files.key
        context = authority.client_context()
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup(sockets=[listener])
        yield Wire(listener.getsockname()[1], context, config)
        await server.shutdown(sockets=[listener])
