"""HTTP/1.1 connections, which nobody holds for ever by sending a byte now and then."""

from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# RFC 9110, section 15.5.9.
_TIMEOUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def protocol(request_timeout: float) -> type[HttpToolsProtocol]:
    """Give uvicorn's protocol, but a request has to arrive whole within `request_timeout` seconds.

    The time runs from when the connection is made or, on one that is kept alive, from the
    request's first byte. Between requests uvicorn's own keep-alive timeout counts.
    """

    class Protocol(HttpToolsProtocol):
        _cut: TimerHandle | None = None

        # uvicorn's own narrows the type as well.
        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            self._wait()
            super().on_message_begin()

        def on_message_complete(self) -> None:
            self._stop_waiting()
            super().on_message_complete()

        def _wait(self) -> None:
            self._stop_waiting()
            self._cut = self.loop.call_later(request_timeout, self._give_up)

        def _stop_waiting(self) -> None:
            if self._cut is not None:
                self._cut.cancel()
                self._cut = None

        def _give_up(self) -> None:
            cycle: Any = self.cycle
            if cycle is None or cycle.response_complete or not cycle.response_started:
                self.transport.write(_TIMEOUT)
            self.transport.close()

    return Protocol
