"""One process that serves: it is not ready, then has finished, then stops.

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
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from app.core.settings import StartError
from app.server.http_protocol import Config
from app.server.signals import handling

logger = logging.getLogger(__name__)

READY = "Tickbox is ready"
# By this the parent tells a worker to end since another one has taken its place.
REPLACED = signal.SIGUSR1
# New objects after which the collector looks for cycles among them; Python's own 700 are fewer
# than what 32 requests hold at once, so that it would mostly look at what is still in use.
YOUNG_OBJECTS = 10_000
_FORCED_SECONDS = 2


class Server(uvicorn.Server):
    """uvicorn's, which says when it is ready, and is not ready before it ends."""

    config: Config
    _ends_at = math.inf

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on bound sockets until a signal. Raises `StartError`, in a worker `SystemExit`."""
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
        """Begin the app's lifespan, listen, and say so."""
        await super().startup(sockets)
        spare_collector()
        if self.config.workers == 1:
            say_ready(self.config, (sockets or [])[0])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is open, and end the app's lifespan."""
        self.config.is_ending = True
        await super().shutdown(sockets)
        if self.force_exit:
            # uvicorn leaves the app as it is then; it gets a moment to give back what it holds.
            for task in self.server_state.tasks:
                task.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(_FORCED_SECONDS):
                    await self.lifespan.shutdown()

    async def on_tick(self, counter: int) -> bool:
        """Whether it is time to end; called ten times a second."""
        return await super().on_tick(counter) or time.monotonic() >= self._ends_at

    # uvicorn's signature.
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Begin to end, or end at once."""
        if not self.started or sig == REPLACED:
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
        with handling(self.handle_exit, REPLACED):
            yield


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


def say_ready(config: uvicorn.Config, listener: socket.socket) -> None:
    """Print where it listens."""
    host, port = listener.getsockname()[:2]
    # To print, not to bind to.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    print(f"{READY}: {'https' if config.is_ssl else 'http'}://{host}:{port}/docs", flush=True)
