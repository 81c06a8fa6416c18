"""Where Tickbox listens, for requests and for Prometheus."""

import socket

from prometheus_client import CollectorRegistry, start_http_server

from app.core.settings import Settings, SettingsError


def bind(settings: Settings) -> socket.socket:
    """Listen, before anything slow starts: who connects meanwhile waits. Raises `SettingsError`."""
    is_ipv6 = ":" in settings.host
    family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
    try:
        listener = socket.create_server(
            (settings.host, settings.port), family=family, dualstack_ipv6=is_ipv6
        )
    except (OSError, ValueError) as error:  # such as for a name that can be none
        raise _refused(error, settings.host, settings.port, "TICKBOX") from None
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Linux ends a connection whose client takes nothing, for so long, of what waits for it.
        # Connections have it from the socket that accepted them (RFC 5482, tcp(7)).
        milliseconds = round(settings.send_timeout * 1000)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
    return listener


def serve_metrics(settings: Settings, registry: CollectorRegistry) -> None:
    """Serve `/metrics` on its port, if it has one, until the process ends.

    It is a thread of its own, which answers also while the service is stuck. Raises
    `SettingsError`.
    """
    host, port = settings.metrics_host, settings.metrics_port
    if port is None:
        return
    try:
        start_http_server(port, host, registry)
    except OSError as error:
        raise _refused(error, host, port, "TICKBOX_METRICS") from None


def _refused(error: Exception, host: str, port: int, prefix: str) -> SettingsError:
    """Why a port cannot be listened on, and what to do."""
    reason = str(getattr(error, "strerror", error)).partition(" (while")[0]
    return SettingsError(
        f"Port {port} on {host} cannot be listened on ({reason}): stop what listens there, or set "
        f"{prefix}_HOST and {prefix}_PORT to what this machine and this user may use."
    )
