"""What a signal asks of a process that serves."""

import asyncio
import signal
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from app.core.settings import Settings
from app.server.config import Config
from app.server.process import REPLACED, Server
from app.web.dependencies import Lifecycle


@pytest.fixture(params=[1, 2], ids=["alone", "worker"])
def server(request: pytest.FixtureRequest) -> Server:
    app = FastAPI()
    app.state.lifecycle = Lifecycle()
    settings = Settings(workers=request.param, shutdown_delay=600)
    server = Server(Config(lambda: app, settings))
    server.config.loaded_app = app
    server.config.encoded_headers = []
    server.started = True
    return server


@pytest.fixture
async def serving(server: Server) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(server.main_loop())
    await asyncio.sleep(0)
    yield task
    task.cancel()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_is_not_ready_before_it_ends(
    server: Server, serving: asyncio.Task[None], number: int
) -> None:
    """A worker too: a service manager may signal all processes of a service."""
    server.handle_exit(number, None)
    assert server.config.loaded_app.state.lifecycle.draining
    await asyncio.sleep(0)
    assert not serving.done()


async def test_after_its_delay_it_ends(server: Server, serving: asyncio.Task[None]) -> None:
    server.config.settings = Settings(shutdown_delay=0)
    server.handle_exit(signal.SIGTERM, None)
    async with asyncio.timeout(10):
        await serving
    assert not server.force_exit


async def test_a_replaced_worker_ends_at_once(server: Server, serving: asyncio.Task[None]) -> None:
    server.handle_exit(REPLACED, None)
    async with asyncio.timeout(10):
        await serving
    assert not server.config.loaded_app.state.lifecycle.draining


def test_before_it_serves_it_ends_at_once(server: Server) -> None:
    server.config.loaded_app = None
    server.started = False
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit
