"""One process that serves.

On SIGTERM or SIGINT readiness fails at once, requests are served for `shutdown_delay` seconds
more (load balancers need that long to notice), then open ones get `shutdown_timeout` seconds to
finish. A second signal ends that at once, of one process alone. SIGHUP does the same; with workers
it is for their parent, who replaces them (`workers.py`).
"""

import asyncio
import gc
import signal
import socket
from contextlib import suppress
from types import FrameType
from typing import Any

import uvicorn

from app.server.config import Config

# New objects after which the collector looks for cycles among them; Python's own 700 are fewer
# than what 32 requests hold at once, so that it would mostly look at what is still in use.
YOUNG_OBJECTS = 10_000
# At a shutdown, for requests that are on their way: their answers say `Connection: close`.
_LAST_REQUEST_SECONDS = 0.5
# Asks a worker to end because another one has taken its place: at once, the service goes on.
REPLACED = signal.SIGUSR1


class Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready, and is not ready before it ends."""

    config: Config

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self._wakes = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin the app's lifespan, listen, and say so."""
        # Besides those that uvicorn handles. A hangup may be ignored (nohup).
        signal.signal(REPLACED, self.handle_exit)
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, self.handle_exit)
        await super().startup(sockets)
        spare_collector()
        if self.config.workers == 1:
            say_ready(self.config, (sockets or [])[0])

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is open, and end the app's lifespan.

        uvicorn closes idle connections at once, under a request that is on its way.
        """
        self.config.is_ending = True
        for listener in (*self.servers, *(sockets or ())):
            listener.close()
        if self.server_state.connections:
            await asyncio.sleep(_LAST_REQUEST_SECONDS)
        await super().shutdown(sockets)

    async def main_loop(self) -> None:
        """Serve until it is time to end, and renew the answers' `Date` once a second.

        uvicorn's own looks ten times a second, which is half of what an idle process costs.
        """
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await self._wakes.wait()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Begin to end, or end at once."""
        if not self.started:
            self.should_exit = True
            return
        lifecycle: Any = self.config.loaded_app.state.lifecycle
        delay = 0.0
        if sig != REPLACED and not lifecycle.draining:
            lifecycle.draining = True
            delay = self.config.settings.shutdown_delay
        elif sig != REPLACED and self.config.workers == 1:
            self.force_exit = True
        elif sig != REPLACED:  # of workers the parent asks again what a terminal has asked
            return
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(loop.call_later, delay, self._end)

    def _end(self) -> None:
        self.should_exit = True
        self._wakes.set()


def spare_collector() -> None:
    """Let the garbage collector leave alone what was made until now, and look less often.

    The modules, routes and schemas stay for as long as the process does; to go through them again
    and again was up to a fifth of what a request cost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def say_ready(config: uvicorn.Config, listener: socket.socket) -> None:
    """Print where the service is."""
    host, port = listener.getsockname()[:2]
    # An address to open, where that to bind to is none.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    host = f"[{host}]" if ":" in host else host
    scheme = "https" if config.is_ssl else "http"
    print(f"Tickbox is ready: {scheme}://{host}:{port}/docs", flush=True)
