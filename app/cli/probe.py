"""Ask the service that runs on this machine how it is: what a container's HEALTHCHECK runs."""

import ssl
from collections.abc import Callable
from contextlib import closing
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from app.cli.errors import CommandError
from app.core.settings import Settings

# Seconds; what calls it gives up a little later.
TIMEOUT = 4


def probe(settings: Settings, path: str) -> str:
    """What the service answers at the path. Raises `CommandError` if it is not 200, or none."""
    host = settings.host  # also if it is all addresses: to connect to them is to ask this machine
    where = f"port {settings.port} on {host}"
    connect: Callable[..., HTTPConnection] = HTTPConnection
    if settings.tls_cert is not None:
        # The certificate is for the service's name, not for this address, and nothing secret
        # is said: whether it is valid is a question for those who come by that name.
        connect = partial(HTTPSConnection, context=ssl._create_unverified_context())  # noqa: S323
    try:
        with closing(connect(host, settings.port, timeout=TIMEOUT)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read().decode(errors="replace")
    except (OSError, HTTPException) as error:
        raise CommandError(f"Nothing answers on {where}: {type(error).__name__}") from error
    if answer.status != 200:
        raise CommandError(f"{where} answers {answer.status}: {body}")
    return body
