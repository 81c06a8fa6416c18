"""Serve HTTP until a signal: in this process, by several, or anew when a file changes."""

import math
import multiprocessing
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from uvicorn.supervisors import ChangeReload

from app.core.settings import Settings
from app.server.certificate import NO_PASSWORD
from app.server.http_protocol import Config, HttpProtocol
from app.server.listeners import refused
from app.server.process import Server
from app.server.workers import Supervisor

# Seconds that a worker has to start, and to answer its parent on a busy machine.
_WORKER_SECONDS = 30
_SOURCES = Path(__file__).parents[1]


def run(
    create_app: Callable[[], Any],
    settings: Settings,
    listener: socket.socket,
    *,
    reload: bool = False,
    configure_logs: Callable[[], object] | None = None,
) -> None:
    """Serve on the bound socket until a signal; returns when all is finished.

    With several workers, and to `reload`, `create_app` is called in processes of their own: it has
    to be what pickle takes. The parent calls it once itself, for what it raises. Each of them calls
    `configure_logs` first.

    Raises `SettingsError` when another program took the port meanwhile, `StartError` when the
    app's lifespan failed, which is logged, and what `create_app` raises.
    """
    config = _config(create_app, settings)
    config.configure_logs = configure_logs
    try:
        # Here it fails where another program was first.
        listener.listen(config.backlog)
    except OSError as error:
        raise refused(error, settings.host, settings.port) from None
    if settings.workers == 1 and not reload:
        Server(config).run([listener])
        return
    create_app()
    try:
        if reload:
            config.reload_dirs = [_SOURCES]
            ChangeReload(config, target=Server(config).run, sockets=[listener]).run()
        else:
            Supervisor(config, listener).run()
    finally:
        # Python would wait for those that an error has left, and they for its end.
        for child in multiprocessing.active_children():
            child.kill()


def _config(create_app: Callable[[], Any], settings: Settings) -> Config:
    config = Config(
        create_app,
        factory=True,
        loop="uvloop",
        http=HttpProtocol,
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
    config.request_timeout = settings.request_timeout
    config.send_timeout = settings.send_timeout
    config.shutdown_delay = settings.shutdown_delay
    return config
