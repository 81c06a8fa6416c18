"""Serve HTTP until a signal: in this process, by several, or anew when a file changes."""

import multiprocessing
import socket
from collections.abc import Callable
from typing import Any

from app.core.settings import Settings
from app.server.config import Config
from app.server.process import Server


def run(
    create_app: Callable[[], Any],
    settings: Settings,
    listener: socket.socket,
    *,
    reload: bool = False,
) -> None:
    """Serve on a listening socket until a signal; returns when all is finished.

    With several workers, and to `reload`, `create_app` is called in processes of their own, and has
    to be picklable.

    Raises what `create_app` raises; where the app's lifespan fails, which is logged, `SystemExit`,
    or `StartError` with several workers.
    """
    config = Config(create_app, settings)
    if settings.workers == 1 and not reload:
        Server(config).run([listener])
        return
    create_app()  # what it raises is said once
    try:
        if reload:
            from uvicorn.supervisors import ChangeReload  # noqa: PLC0415 - not to serve

            ChangeReload(config, target=Server(config).run, sockets=[listener]).run()
        else:
            from app.server.workers import Supervisor  # noqa: PLC0415

            Supervisor(config, [listener]).run()
    finally:
        # Python would wait for those that an error has left, and they for its end.
        for child in multiprocessing.active_children():
            child.kill()
