"""How `serve` runs uvicorn: its port, and for how long idle connections are kept."""

import asyncio
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from app.core.settings import Settings, SettingsError
from app.server import runner
from app.server.last_answers import LastAnswers
from app.server.runner import bind, serve
from app.web.response_headers import ResponseHeaders
from tests.server.wire import listening

CADDY_KEEPS = 120


def test_a_port_that_is_taken_meanwhile_is_one_sentence() -> None:
    app = FastAPI()
    app.state.lifecycle = SimpleNamespace(draining=False)
    with bind(Settings(port=0)) as ours:
        settings = Settings(port=ours.getsockname()[1])
        with bind(settings) as theirs:
            theirs.listen()
            with pytest.raises(SettingsError, match=f"^Port {settings.port} on .* is in use: stop"):
                serve(app, settings, ours)
        # It is ours to close, and nobody else has.
        assert ours.getsockname()[1] == settings.port


def test_idle_connections_are_kept_as_long_as_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TICKBOX_KEEP_ALIVE_TIMEOUT", raising=False)
    assert Settings().keep_alive_timeout > CADDY_KEEPS
    kept: list[int] = []

    def run(server: Any, **_: Any) -> None:
        kept.append(server.config.timeout_keep_alive)

    monkeypatch.setattr(runner._Server, "run", run)
    app = FastAPI()
    app.state.lifecycle = SimpleNamespace(draining=False)
    settings = Settings(port=0, keep_alive_timeout=77)
    with bind(settings) as listener:
        serve(app, settings, listener)
    assert kept == [77]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_an_idle_connection_ends_then_and_no_sooner(scheme: str, tmp_path: Path) -> None:
    app = FastAPI()
    app.state.last_answers = LastAnswers(ResponseHeaders(), Counter())
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
