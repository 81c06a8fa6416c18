"""Cycles of request and response, as uvicorn has them."""

from __future__ import annotations

from asyncio import Transport
from typing import Any, Protocol
from weakref import proxy


class _Connection(Protocol):
    cycle: Any

    def close(self) -> None: ...
    def linger(self) -> None: ...


class CyclesTransport:
    """The transport as cycles use it."""

    def __init__(self, transport: Transport, connection: _Connection) -> None:
        # Weakly: else a connection that has ended keeps itself, and by HTTPS all that it was to
        # send, until the collector comes, which is seldom.
        self._connection = proxy(connection)
        self.write = transport.write
        self.is_closing = transport.is_closing

    def close(self) -> None:
        """Close it, in stages if a request is still arriving."""
        if self._connection.cycle.more_body and not self.is_closing():
            self._connection.linger()
        else:
            self._connection.close()
