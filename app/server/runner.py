"""Serve HTTP until a signal asks for the end: not ready, then finished, then stopped.

On SIGTERM or SIGINT readiness fails at once, requests are served for `shutdown_delay` seconds
more (load balancers need that long to notice), then open ones get `shutdown_timeout` seconds to
finish. A second signal ends that at once; a worker takes that from its parent alone.
"""

import asyncio
import errno
import gc
import math
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, start_http_server

from app.core.settings import Settings, SettingsError, StartError
from app.server import tls
from app.server.http_protocol import LAST_HANDSHAKE_SECONDS, protocol
from app.server.shares import Acceptor, Shares
from app.server.signals import handling

READY = "Tickbox is ready"
FORCED_SHUTDOWN_SECONDS = 2
# New objects after which the collector looks for cycles among them; Python's own 700 are fewer
# than what 32 requests hold at once, so that it would mostly look at what is still in use.
YOUNG_OBJECTS = 10_000
# By HTTPS a connection that is to end is cut after that, although its client has not read all.
_LAST_READ_SECONDS = 300
# That may wait to be taken at once; of more than five, as it is by default, others try again after
# a second.
_SCRAPES = 128
# uvicorn's own.
_TICKS_A_SECOND = 10


def bind(settings: Settings) -> socket.socket:
    """Take the address, before anything slow starts. Raises `SettingsError`."""
    where = f"port {settings.port} on {settings.host}"
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host,
            settings.port,
            type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE,
        )[0]
    except (socket.gaierror, UnicodeError):
        raise SettingsError(f"TICKBOX_HOST is no address: {settings.host!r}.") from None
    listener = socket.socket(family, kind, protocol)
    try:
        # Without it the port stays taken for a minute after each end.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise _refused(error, where) from None
    return listener


@contextmanager
def serve_metrics(settings: Settings, registry: CollectorRegistry) -> Iterator[None]:
    """Serve `/metrics` on its port, if it has one, for the length of the block.

    It is a thread of its own, which answers also while the service is stuck. Raises
    `SettingsError`.
    """
    port = settings.metrics_port
    if port is None:
        yield
        return
    try:
        server, thread = start_http_server(port, settings.metrics_host, registry)
    except OSError as error:
        where = f"port {port} on {settings.metrics_host}"
        raise _refused(error, where, "TICKBOX_METRICS") from None
    server.socket.listen(_SCRAPES)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def serve(
    app: FastAPI,
    settings: Settings,
    listener: socket.socket,
    *,
    forced_by: signal.Signals | None = None,
    shares: Shares | None = None,
    pair: tls.Pair | None = None,
) -> None:
    """Serve on the bound socket until a signal; returns when all is finished.

    What is open is given up at a second signal; or, if there is a signal for that alone
    (`forced_by`), at that one, however often the others come. Connections are shared with other
    workers by `shares`. A certificate that is no good gives way to the `pair` before it.

    Raises `SettingsError` when another program took the port meanwhile, and `StartError` when
    the app's lifespan failed, which is logged.
    """
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http=protocol(settings.request_timeout, settings.send_timeout),
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=settings.keep_alive_timeout,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout),
    )
    _Server(config, app, settings, forced_by, shares, pair).run(sockets=[listener])


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        app: FastAPI,
        settings: Settings,
        forced_by: signal.Signals | None,
        shares: Shares | None,
        pair: tls.Pair | None,
    ) -> None:
        super().__init__(config)
        self._lifecycle = app.state.lifecycle
        self._settings = settings
        self._forced_by = forced_by
        self._shares = shares
        self._acceptors: list[Acceptor] = []
        self._certificate = tls.served(settings, pair)
        self._ends_at = math.inf

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            # The app; uvicorn's own listening would give a handshake a minute.
            await super().startup([])
            for listener in sockets or ():
                await self._listen(listener)
        except SystemExit:
            raise StartError("The service did not start; the log says why.") from None
        except OSError as error:
            await self.lifespan.shutdown()
            settings = self._settings
            raise _refused(error, f"port {settings.port} on {settings.host}") from None
        spare_collector()
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            # To print, not to bind to.
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
            host = f"[{host}]" if ":" in host else host
            scheme = "http" if self._certificate is None else "https"
            print(f"{READY}: {scheme}://{host}:{port}/docs", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._accept_the_last(sockets or [])
        await super().shutdown(sockets)
        if self.force_exit:
            # uvicorn leaves the app as it is then; it gets a moment to give back what it holds.
            for task in self.server_state.tasks:
                task.cancel()
            with suppress(TimeoutError):
                async with asyncio.timeout(FORCED_SHUTDOWN_SECONDS):
                    await self.lifespan.shutdown()

    async def _accept_the_last(self, listeners: list[socket.socket]) -> None:
        """Take the connections that the kernel has accepted, then listen no more.

        The event loop has not seen them yet; a listener that is closed before resets them,
        although their requests may have been sent already.
        """
        for acceptor in self._acceptors:
            await acceptor.stop(LAST_HANDSHAKE_SECONDS)
        last = [connection for listener in listeners for connection in _waiting(listener)]
        # At once, with nothing awaited between: what the kernel accepts until then is reset, where
        # nobody else listens.
        for ended in self.servers if self._shares is None else listeners:
            ended.close()
        rest = [self._take(connection, LAST_HANDSHAKE_SECONDS) for connection in last]
        if self._shares is not None and not self.force_exit:
            rest.append(self._shares.leave())
        await asyncio.gather(*rest)

    async def _listen(self, listener: socket.socket) -> None:
        seconds = self._settings.request_timeout
        # Here it fails where another program was first; uvloop would close the socket as well,
        # which is not its own then.
        listener.listen(self.config.backlog)
        if self._shares is None:
            server = await asyncio.get_running_loop().create_server(
                self._make_protocol,
                sock=listener,
                backlog=self.config.backlog,
                **self._encryption(seconds),
            )
            self.servers.append(server)
        else:
            take = partial(self._take, seconds=seconds)
            acceptor = Acceptor(listener, take, self.server_state.connections, self._shares)
            acceptor.start()
            self._acceptors.append(acceptor)

    async def _take(self, connection: socket.socket, seconds: float) -> None:
        with suppress(OSError):  # gone already, or it does not get through its handshake
            await asyncio.get_running_loop().connect_accepted_socket(
                self._make_protocol, connection, **self._encryption(seconds)
            )

    def _make_protocol(self) -> asyncio.Protocol:
        return self.config.http_protocol_class(
            config=self.config,  # type: ignore[call-arg]
            server_state=self.server_state,
            app_state=self.lifespan.state,
            _loop=asyncio.get_running_loop(),
        )

    def _encryption(self, seconds: float) -> dict[str, Any]:
        """How new connections are encrypted, if they are; a handshake may take so long."""
        if self._certificate is None:
            return {}
        return {
            "ssl": self._certificate.context,
            "ssl_handshake_timeout": seconds,
            "ssl_shutdown_timeout": _LAST_READ_SECONDS,
        }

    async def on_tick(self, counter: int) -> bool:
        for acceptor in self._acceptors:
            acceptor.tell()
        if self._certificate is not None and counter % _TICKS_A_SECOND == 0:
            self._certificate.refresh()
        return await super().on_tick(counter) or time.monotonic() >= self._ends_at

    # uvicorn's signature.
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        is_draining = self._lifecycle.draining
        if sig == self._forced_by or (is_draining and self._forced_by is None):
            self.should_exit = self.force_exit = True
        elif not is_draining:
            self._lifecycle.draining = True
            self._ends_at = time.monotonic() + self._settings.shutdown_delay

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Unlike uvicorn's, does not raise them again: they ask for an orderly end."""
        more = () if self._forced_by is None else (self._forced_by,)
        with handling(self.handle_exit, *more):
            yield


def _waiting(listener: socket.socket) -> Iterator[socket.socket]:
    with suppress(OSError):  # BlockingIOError: there is none left
        while True:
            yield listener.accept()[0]


def spare_collector() -> None:
    """Let the garbage collector leave alone what was made until now, and look less often.

    The modules, routes and schemas stay for as long as the process does; to go through them again
    and again was up to a fifth of what a request cost.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def _refused(error: OSError, where: str, prefix: str = "TICKBOX") -> SettingsError:
    match error.errno:
        case errno.EADDRINUSE:
            problem = f"is in use: stop what listens there, or set {prefix}_PORT to another port."
        case errno.EACCES | errno.EPERM:
            problem = f"needs rights that this user lacks: set {prefix}_PORT to 1024 or higher."
        case errno.EADDRNOTAVAIL:
            problem = f"is on another machine: set {prefix}_HOST to an address of this one."
        case _:
            problem = f"cannot be listened on ({error.strerror}): check {prefix}_HOST."
    return SettingsError(f"{where[0].upper()}{where[1:]} {problem}")
