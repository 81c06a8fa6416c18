"""Where Tickbox listens, for requests and for Prometheus."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from app.core.settings import Settings, SettingsError


def bind(settings: Settings) -> socket.socket:
    """Listen, before anything slow starts: who connects meanwhile waits. Raises `SettingsError`."""
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
        listener.listen()
    except OSError as error:
        listener.close()
        raise _refused(error, settings.host, settings.port, "TICKBOX") from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Linux ends a connection whose client takes nothing, for so long, of what waits for it.
        # Connections have it from the socket that accepted them (RFC 5482, tcp(7)).
        milliseconds = round(settings.send_timeout * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
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
        raise _refused(error, settings.metrics_host, port, "TICKBOX_METRICS") from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _refused(error: OSError, host: str, port: int, prefix: str) -> SettingsError:
    """Why a port cannot be listened on, and what to do."""
    match error.errno:
        case errno.EADDRINUSE:
            problem = f"is in use: stop what listens there, or set {prefix}_PORT to another port."
        case errno.EACCES | errno.EPERM:
            problem = f"needs rights that this user lacks: set {prefix}_PORT to 1024 or higher."
        case errno.EADDRNOTAVAIL:
            problem = f"is on another machine: set {prefix}_HOST to an address of this one."
        case _:
            problem = f"cannot be listened on ({error.strerror}): check {prefix}_HOST."
    return SettingsError(f"Port {port} on {host} {problem}")
