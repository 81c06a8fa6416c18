"""Serve HTTP until a signal asks for the end: not ready, then finished, then stopped.

On SIGTERM or SIGINT readiness fails at once, requests are served for `shutdown_delay` seconds
more (load balancers need that long to notice), then open ones get `shutdown_timeout` seconds to
finish. A second signal ends that at once.
"""

import asyncio
import gc
import logging
import math
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import ChangeReload, multiprocess

from app.core.settings import Settings, StartError
from app.server.certificate import NO_PASSWORD
from app.server.http_protocol import Config, HttpProtocol
from app.server.listeners import refused
from app.server.signals import handling

logger = logging.getLogger(__name__)

READY = "Tickbox is ready"
# New objects after which the collector looks for cycles among them; Python's own 700 are fewer
# than what 32 requests hold at once, so that it would mostly look at what is still in use.
YOUNG_OBJECTS = 10_000
_FORCED_SECONDS = 2
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
    if reload:
        config.reload_dirs = [_SOURCES]
        config.workers = 1
        ChangeReload(config, target=_Server(config).run, sockets=[listener]).run()
    elif settings.workers == 1:
        _Server(config).run([listener])
    else:
        create_app()
        _Supervisor(config, listener).run()


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


class _Server(uvicorn.Server):
    """uvicorn's, which says when it is ready, and is not ready before it ends."""

    config: Config
    _ends_at = math.inf

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        if multiprocessing.parent_process() is not None:
            prepare_worker()
        try:
            super().run(sockets)
        except SystemExit as end:
            if end.code != STARTUP_FAILURE or multiprocessing.parent_process() is not None:
                raise
            raise StartError("The service did not start; the log says why.") from None
        except Exception as error:
            if multiprocessing.parent_process() is None:
                raise
            # What nobody catches multiprocessing would print, with its message.
            logger.critical("a worker is ended by an error", exc_info=error)
            raise SystemExit(1) from None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        spare_collector()
        if self.config.workers == 1:
            _say_ready(self.config, (sockets or [])[0])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        if self.force_exit:
            # uvicorn leaves the app as it is then; it gets a moment to give back what it holds.
            for task in self.server_state.tasks:
                task.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(_FORCED_SECONDS):
                    await self.lifespan.shutdown()

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or time.monotonic() >= self._ends_at

    # uvicorn's signature.
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if not self.started:
            self.should_exit = True
            return
        app: Any = self.config.loaded_app
        if not app.state.lifecycle.draining:
            app.state.lifecycle.draining = True
            self._ends_at = time.monotonic() + self.config.shutdown_delay
        elif self.config.workers == 1:  # several are ended by their parent
            self.should_exit = self.force_exit = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, does not raise them again: they ask for an orderly end."""
        with handling(self.handle_exit):
            yield


class _Worker(multiprocess.Process):
    """One of several processes, and its parent's view of it."""

    @property
    def server(self) -> uvicorn.Server:
        if self._server is None:
            self._server = _Server(self.config)
        return self._server

    def start(self) -> None:
        # Ctrl-C reaches all processes of the terminal, also one that has not left it yet.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


# uvicorn's supervisor takes no other kind of process.
multiprocess.Process = _Worker  # type: ignore[misc]


class _Supervisor(multiprocess.Multiprocess):
    """uvicorn's, which says once when all are ready, and ends all at a second signal."""

    def __init__(self, config: Config, listener: socket.socket) -> None:
        super().__init__(config, [listener])
        self._is_ready = False

    def run(self) -> None:
        super().run()
        if any(worker.exitcode == STARTUP_FAILURE for worker in self.processes):
            raise StartError("A worker did not start; the log says why.")

    def keep_subprocess_alive(self) -> None:
        for worker in self.processes:
            if worker.exitcode is not None:
                text = "worker %s has ended by itself (exit code %s); another one follows"
                logger.error(text, worker.pid, worker.exitcode)
        super().keep_subprocess_alive()
        if not self._is_ready and all(worker.is_ready() for worker in self.processes):
            self._is_ready = True
            _say_ready(self.config, self.sockets[0])

    def restart_all(self) -> None:
        before = {worker.pid for worker in self.processes}
        super().restart_all()
        if any(worker.pid in before for worker in self.processes):
            logger.error("not all workers could be replaced: those that were there serve on")

    def terminate_all(self) -> None:
        # From here on the last worker to close it closes it for all.
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def join_all(self) -> None:
        self.signal_queue.clear()
        for worker in self.processes:
            while worker.process.is_alive():
                worker.process.join(0.1)
                if self.signal_queue:
                    worker.kill()


def prepare_worker() -> None:
    """Leave the terminal, whose signals are for the parent, and end at once with the parent."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()


def spare_collector() -> None:
    """Let the garbage collector leave alone what was made until now, and look less often.

    The modules, routes and schemas stay for as long as the process does; to go through them again
    and again was up to a fifth of what a request cost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def _say_ready(config: uvicorn.Config, listener: socket.socket) -> None:
    host, port = listener.getsockname()[:2]
    # To print, not to bind to.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    print(f"{READY}: {'https' if config.is_ssl else 'http'}://{host}:{port}/docs", flush=True)
