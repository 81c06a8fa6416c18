"""How uvicorn is configured by the settings."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uvicorn

from app.core.settings import Settings
from app.server.certificate import NO_PASSWORD

# Seconds for which the parent waits for an answer of a worker, which may be slow on a busy machine.
_WORKER_SECONDS = 30
_SOURCES = Path(__file__).parents[1]


class Config(uvicorn.Config):
    """uvicorn's configuration.

    `create_app` makes the app in each process that serves; for several it has to be picklable.
    """

    # Whether each answer is the last one of its connection.
    is_ending = False

    def __init__(self, create_app: Callable[[], Any], settings: Settings) -> None:
        super().__init__(
            create_app,
            factory=True,
            loop="uvloop",
            http="app.server.http_protocol:HttpProtocol",
            ws="none",
            lifespan="on",
            workers=settings.workers,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=settings.keep_alive_timeout,
            timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout),
            timeout_worker_healthcheck=_WORKER_SECONDS,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
            ssl_keyfile_password=NO_PASSWORD,
        )
        self.settings = settings
        self.reload_dirs = [_SOURCES]
