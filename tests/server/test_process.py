"""What a signal asks of a process that serves."""

import signal

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
    server.started = True
    return server


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_not_ready_before_it_ends(server: Server, number: int) -> None:
    """A worker too: a service manager may signal all processes of a service."""
    server.handle_exit(number, None)
    assert server.config.loaded_app.state.lifecycle.draining
    assert not server.should_exit


def test_a_replaced_worker_ends_at_once(server: Server) -> None:
    server.handle_exit(REPLACED, None)
    assert server.should_exit
    assert not server.config.loaded_app.state.lifecycle.draining


def test_before_it_has_started_it_ends_at_once(server: Server) -> None:
    server.started = False
    server.config.loaded_app = None
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit
