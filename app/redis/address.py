"""Where Redis is and who Tickbox is there, as redis-py reads it from a URL."""

import asyncio
import ssl
from collections.abc import Callable
from typing import TypeVar

import hiredis

from app.core import urls

Command = tuple[bytes | str | int, ...]
_Protocol = TypeVar("_Protocol", bound=asyncio.Protocol)


class RedisAddress:
    """A Redis' place in the net, the TLS that it speaks, and what it wants to hear at first."""

    def __init__(self, url: str) -> None:
        self._options, self._tls = urls.redis(url)

    async def connect(self, make: Callable[[], _Protocol]) -> _Protocol:
        """Open a connection. Raises `OSError`, as which a certificate is refused too."""
        loop = asyncio.get_running_loop()
        options = self._options
        if "path" in options:
            _, protocol = await loop.create_unix_connection(make, options["path"])
        else:
            host, port = options.get("host", "localhost"), options.get("port", 6379)
            _, protocol = await loop.create_connection(make, host, port, ssl=self._tls)
        return protocol

    def introduction(self) -> list[Command]:
        """Who this is, and which database it wants."""
        options = self._options
        commands: list[Command] = []
        if "password" in options:
            commands.append(("AUTH", options.get("username") or "default", options["password"]))
        if options.get("db"):
            commands.append(("SELECT", options["db"]))
        return commands


def describe_connection_error(error: Exception) -> str:
    """Why there is no connection, without Redis's own words, which may hold a secret."""
    if isinstance(error, ssl.SSLError):
        return urls.describe_tls_error(error)
    if isinstance(error, hiredis.ReplyError):
        # NOAUTH, WRONGPASS, NOPERM, …
        return f"it answers {str(error).partition(' ')[0]}"
    return type(error).__name__
