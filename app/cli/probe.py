"""Ask the service that runs on this machine how it is: what a container's HEALTHCHECK runs."""

import http.client
import ssl

from app.cli.errors import CommandError
from app.core.settings import Settings

# Seconds; what calls it gives up a little later.
TIMEOUT = 4


def probe(settings: Settings, path: str) -> str:
    """What the service answers at the path. Raises `CommandError` if it is not 200, or none."""
    host = settings.host  # also if it is all addresses: to connect to them is to ask this machine
    where = f"port {settings.port} on {host}"
    if settings.tls_cert is None:
        connection = http.client.HTTPConnection(host, settings.port, timeout=TIMEOUT)
    else:
        # The certificate is for the service's name, not for this address, and nothing secret
        # is said: whether it is valid is a question for those who come by that name.
        context = ssl._create_unverified_context()  # noqa: S323
        connection = http.client.HTTPSConnection(
            host, settings.port, timeout=TIMEOUT, context=context
        )
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        raise CommandError(f"Nothing answers on {where}: {type(error).__name__}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise CommandError(f"{where} answers {answer.status}: {body}")
    return body
