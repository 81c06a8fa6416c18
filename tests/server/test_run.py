"""How `serve` runs uvicorn: its port, and for how long idle connections are kept."""

import asyncio
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.core.settings import Settings, SettingsError
from app.server import process
from app.server.config import Config
from app.server.listeners import bind
from app.server.run import run
from app.web.dependencies import Lifecycle
from tests.server.wire import listening

CADDY_KEEPS = 120


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    app.state.lifecycle = Lifecycle()
    return app


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with bind(Settings(port=0)) as theirs:
        settings = Settings(port=theirs.getsockname()[1])
        with pytest.raises(
            SettingsError, match=f"^Port {settings.port} on .* already in use.: stop"
        ):
            bind(settings)


def test_what_the_app_cannot_do_is_said_before_workers_start() -> None:
    def create_app() -> FastAPI:
        raise SettingsError("TICKBOX_SIGNING_KEYS holds none")

    settings = Settings(port=0, workers=2)
    with bind(settings) as listener, pytest.raises(SettingsError, match="holds none"):
        run(create_app, settings, listener)


def test_clients_have_the_time_that_is_set(monkeypatch: pytest.MonkeyPatch, app: FastAPI) -> None:
    monkeypatch.delenv("TICKBOX_KEEP_ALIVE_TIMEOUT", raising=False)
    assert Settings().keep_alive_timeout > CADDY_KEEPS
    served: list[Config] = []
    monkeypatch.setattr(process.Server, "run", lambda self, _sockets: served.append(self.config))
    settings = Settings(port=0, keep_alive_timeout=77)
    with bind(settings) as listener:
        run(lambda: app, settings, listener)
    [config] = served
    assert config.timeout_keep_alive == 77
    assert config.settings is settings


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_idle_connection_ends_then_and_no_sooner(
    app: FastAPI, scheme: str, tmp_path: Path
) -> None:
    # The time for a request is shorter: between requests it does not count.
    async with (
        listening(app, scheme, tmp_path, request_timeout=0.3, keep_alive=1) as wire,
        asyncio.timeout(10),
    ):
        reader, writer = await wire.connect()
        writer.write(b"GET / HTTP/1.1\r\nHost: tickbox\r\n\r\n")
        await reader.readuntil(b"}")
        loop = asyncio.get_running_loop()
        answered = loop.time()
        assert await reader.read() == b""
        assert loop.time() - answered > 0.9
        writer.close()
