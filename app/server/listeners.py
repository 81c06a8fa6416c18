"""Where Tickbox listens, for requests and for Prometheus."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from app.core.settings import Settings, SettingsError

# That may wait to be taken at once; of more than five, as it is by default, others try again after
# a second.
_SCRAPES = 128


def bind(settings: Settings) -> socket.socket:
    """Take the address, before anything slow starts. Raises `SettingsError`."""
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
        raise refused(error, settings.host, settings.port) from None
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
        raise refused(error, settings.metrics_host, port, "TICKBOX_METRICS") from None
    server.socket.listen(_SCRAPES)
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def refused(error: OSError, host: str, port: int, prefix: str = "TICKBOX") -> SettingsError:
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
