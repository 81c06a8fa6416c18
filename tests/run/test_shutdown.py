"""How serving ends, with requests open. The app is a small one; the server is Tickbox's own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection

import httpx
import pytest

# `/upload` answers when the whole body has come, so that the tests say how long a request takes.
PROGRAM = """
from contextlib import asynccontextmanager
from types import SimpleNamespace
from fastapi import FastAPI, Request
from app.core.config import Settings
from app.core.serving import bind, serve

@asynccontextmanager
async def lifespan(app):
    yield
    print("closed", flush=True)

app = FastAPI(lifespan=lifespan)
app.state.lifecycle = SimpleNamespace(draining=False)

@app.get("/draining")
async def draining() -> bool:
    return app.state.lifecycle.draining

@app.post("/upload")
async def upload(request: Request) -> int:
    print("open", flush=True)
    return len(await request.body())

settings = Settings()
with bind(settings) as listener:
    serve(app, settings, listener)
print("ended", flush=True)
"""


class Service:
    """The small app in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self.process = process
        self.output = process.stdout
        self.url = self.output.readline().removeprefix("Tickbox is ready: ").strip()
        self.url = self.url.removesuffix("/docs")

    def open_upload(self) -> HTTPConnection:
        """A request of two bytes of which the first is sent."""
        url = httpx.URL(self.url)
        connection = HTTPConnection(url.host, url.port, timeout=20)
        connection.putrequest("POST", "/upload")
        connection.putheader("Content-Length", "2")
        connection.endheaders(b"1")
        assert self.output.readline() == "open\n"
        return connection

    def refuses(self) -> bool:
        try:
            httpx.get(f"{self.url}/draining")
        except httpx.TransportError:
            return True
        return False

    def end(self) -> tuple[int, list[str]]:
        """The exit code, and what it said at the end."""
        lines = self.output.read().splitlines()
        return self.process.wait(timeout=20), lines


@contextmanager
def serving(**settings: str) -> Iterator[Service]:
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
            yield Service(process)
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_open_request_is_finished(number: signal.Signals) -> None:
    with serving() as service:
        upload = service.open_upload()
        service.process.send_signal(number)
        while not service.refuses():
            pass
        upload.send(b"2")
        response = upload.getresponse()
        assert (response.status, response.read()) == (200, b"2")
        upload.close()
        assert service.end() == (0, ["closed", "ended"])


def test_serves_on_while_load_balancers_notice() -> None:
    with serving(shutdown_delay="60") as service:
        assert httpx.get(f"{service.url}/draining").json() is False
        service.process.terminate()
        while not httpx.get(f"{service.url}/draining").json():
            pass
        # The second signal cuts the minute short.
        service.process.terminate()
        assert service.end() == (0, ["closed", "ended"])


def test_second_signal_ends_open_requests() -> None:
    with serving(shutdown_timeout="60") as service:
        upload = service.open_upload()
        service.process.terminate()
        while not service.refuses():
            pass
        service.process.terminate()
        code, lines = service.end()
        assert (code, lines[-2:]) == (0, ["closed", "ended"])
        upload.close()


def test_request_that_does_not_finish_is_given_up() -> None:
    with serving(shutdown_timeout="0.1") as service:
        upload = service.open_upload()
        service.process.terminate()
        code, lines = service.end()
        assert (code, lines[-2:]) == (0, ["closed", "ended"])
        upload.close()
