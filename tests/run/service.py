"""A small app in a process of its own, served by Tickbox's own server."""

import os
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPSConnection

import httpx

# `/upload` answers when the whole body has come, so that the tests say how long a request takes.
# Nothing of the web is imported: that would be most of the time of a test.
PROGRAM = """
import signal
from collections import Counter
from contextlib import asynccontextmanager
from types import SimpleNamespace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from app.core.settings import Settings
from app.server.listeners import bind
from app.server.run import run

@asynccontextmanager
async def lifespan(app):
    try:
        yield
    finally:
        print("closed", flush=True)

async def draining(request: Request) -> JSONResponse:
    return JSONResponse(app.state.lifecycle.draining)

async def upload(request: Request) -> JSONResponse:
    print("open", flush=True)
    return JSONResponse(len(await request.body()))

routes = [Route("/draining", draining), Route("/upload", upload, methods=["POST"])]
app = Starlette(routes=routes, lifespan=lifespan)
app.state.lifecycle = SimpleNamespace(draining=False, refused=Counter())

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # also where the tests run under nohup
settings = Settings()
with bind(settings) as listener:
    run(lambda: app, settings, listener)
print("ended", flush=True)
"""


class Service:
    """The small app in a process of its own. By HTTPS, its clients need a `context`."""

    def __init__(self, process: subprocess.Popen[str], context: ssl.SSLContext | None) -> None:
        assert process.stdout is not None
        self.process = process
        self.output = process.stdout
        self.context = context
        url = self.output.readline().removeprefix("Tickbox is ready: ").strip()
        self.url = httpx.URL(url.removesuffix("/docs"))
        assert (self.url.scheme == "https") is (context is not None)

    def is_draining(self) -> bool:
        # By HTTP there is nothing to verify.
        answer = httpx.get(self.url.join("/draining"), verify=self.context or False)
        is_draining: bool = answer.json()
        return is_draining

    def open_upload(self) -> HTTPConnection:
        """A request of two bytes of which the first is sent."""
        host, port = self.url.host, self.url.port
        connection: HTTPConnection
        if self.context is None:
            connection = HTTPConnection(host, port, timeout=20)
        else:
            connection = HTTPSConnection(host, port, timeout=20, context=self.context)
        connection.putrequest("POST", "/upload")
        connection.putheader("Content-Length", "2")
        connection.endheaders(b"1")
        assert self.output.readline() == "open\n"
        return connection

    def refuses(self) -> bool:
        try:
            self.is_draining()
        except httpx.TransportError:
            return True
        return False

    def end(self) -> tuple[int, list[str]]:
        """The exit code, and what it said at the end."""
        lines = self.output.read().splitlines()
        return self.process.wait(timeout=20), lines


@contextmanager
def serving(context: ssl.SSLContext | None = None, **settings: str) -> Iterator[Service]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TICKBOX_")}
    environment |= {"TICKBOX_PORT": "0"} | {f"TICKBOX_{k.upper()}": v for k, v in settings.items()}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Service(process, context)
        finally:
            process.kill()
