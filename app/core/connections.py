"""HTTP/1.1 connections: nobody holds one for ever by sending a byte now and then, none ends
before a client had its answer, and none is closed under a request that was sent on it.
"""

import fcntl
import select
import struct
import termios
from asyncio import TimerHandle, Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.core import browser


def _last_answer(status: bytes, text: bytes) -> bytes:
    """One that is given without the app, before the connection ends."""
    headers = [
        (b"connection", b"close"),
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", b"%d" % len(text)),
        *browser.SECURITY,
    ]
    lines = [b"HTTP/1.1 " + status, *(name + b": " + value for name, value in headers)]
    return b"\r\n".join([*lines, b"", text])


# RFC 9110, section 15.5.9.
_TIMEOUT = _last_answer(b"408 Request Timeout", b"")
_NO_HTTP = _last_answer(b"400 Bad Request", b"Invalid HTTP request received.")
# A client that is still sending when it is refused has so long to read why, and may send so much.
_LINGER_SECONDS = 2
_LINGER_BYTES = 16 << 20
# At a shutdown a handshake that is not over may take so long, and what it is for is answered.
LAST_HANDSHAKE_SECONDS = 2
# How often a connection that is to end is asked whether all that was written has arrived.
_ARRIVED_SECONDS = 0.5
# At a shutdown a request may be on its way to an idle connection for as long as a round trip.
_LAST_REQUEST_SECONDS = 0.5


def protocol(request_timeout: float) -> type[HttpToolsProtocol]:
    """Give uvicorn's protocol, but a request has to arrive whole within `request_timeout` seconds.

    The time runs from when the connection is made (by HTTPS, from when its handshake is over) or,
    on one that is kept alive, from the request's first byte. Between requests uvicorn's own
    keep-alive timeout counts.
    """

    class Connection(_Connection):
        pass

    Connection.request_timeout = request_timeout
    return Connection


class _Connection(HttpToolsProtocol):
    request_timeout: float
    _cycles_transport: "_CyclesTransport | None" = None  # until it is connected
    _cut: TimerHandle | None = None
    _arriving = False  # the head of a request
    _draining = False
    _discarded = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        # It counts from when it is accepted: a shutdown waits for its handshake. If that fails,
        # nobody tells.
        self.connections.add(self)
        self._wait(self._forget, self.request_timeout)

    # uvicorn's own narrows the type as well.
    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._cycles_transport = _CyclesTransport(transport, self)
        if self._draining:
            self._wait(self._close_if_idle, _LAST_REQUEST_SECONDS)
        else:
            self._wait(self._give_up, self.request_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        cycle: Any = self.cycle
        if cycle is not None and not cycle.response_complete:
            # What the app sends from now on goes nowhere, and nothing tells it so.
            cycle.scope["state"]["disconnected"] = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return  # by HTTPS only: it is decrypted until the end
        if self._is_lingering():
            self._discarded += len(data)
            if self._discarded > _LINGER_BYTES:
                self.close()
        else:
            super().data_received(data)

    # uvicorn's signature; it says the same to all.
    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        self.transport.write(_NO_HTTP)
        self.close()

    def timeout_keep_alive_handler(self) -> None:
        if not self.transport.is_closing():
            self.close()

    def close(self) -> None:
        """End the connection once all that was written has arrived.

        By HTTPS the transport would then wait for the client's word that it ends it too; one that
        sits in a pool does not look, and would hold up a shutdown.
        """
        self.transport.close()
        if self.scheme == "https":
            self._wait(self._end_if_arrived, _ARRIVED_SECONDS)

    def on_message_begin(self) -> None:
        self._arriving = True
        self._wait(self._give_up, self.request_timeout)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._arriving = False
        super().on_headers_complete()
        cycle: Any = self.cycle
        cycle.transport = self._cycles_transport
        if self._draining:
            cycle.keep_alive = False

    def on_message_complete(self) -> None:
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._is_lingering():
            return
        super().on_response_complete()
        if self._draining and not self.transport.is_closing():
            self._wait(self._close_if_idle, _LAST_REQUEST_SECONDS)

    def shutdown(self) -> None:
        """Close after the answer to what came, or is on its way; uvicorn closes idle ones.

        The last answer says `Connection: close`, so that the client sends nothing after it.
        """
        self._draining = True
        cycle: Any = self.cycle
        if self._cycles_transport is None:
            self._wait(self._forget, LAST_HANDSHAKE_SECONDS)
        elif cycle is not None and not cycle.response_complete:
            # One that has begun to leave has said already that the connection is kept.
            cycle.keep_alive = cycle.keep_alive and cycle.response_started
        elif not self._arriving and not self._is_lingering():
            self._wait(self._close_if_idle, _LAST_REQUEST_SECONDS)

    def linger(self) -> None:
        """Close in stages (RFC 9112, section 9.6).

        Closed at once, with bytes unread, the connection is reset, and the client may lose
        the answer that it had already received.
        """
        self._discarded = 1
        self._wait(self.close, _LINGER_SECONDS)
        if self.transport.can_write_eof():  # not by HTTPS: what is encrypted ends both ways
            self.transport.write_eof()
        self.flow.resume_reading()

    def _is_lingering(self) -> bool:
        return self._discarded > 0

    def _wait(self, then: Any, seconds: float) -> None:
        self._stop_waiting()
        self._cut = self.loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._cut is not None:
            self._cut.cancel()
            self._cut = None

    def _forget(self) -> None:
        self.connections.discard(self)

    def _give_up(self) -> None:
        cycle: Any = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            self.transport.write(_TIMEOUT)
        self.close()

    def _close_if_idle(self) -> None:
        # What has just come is answered first, within the time that every request has.
        if _has_unread(self.transport):
            self._wait(self._give_up, self.request_timeout)
        else:
            self.close()

    def _end_if_arrived(self) -> None:
        if self.transport.get_write_buffer_size() or _has_unsent(self.transport):
            self._wait(self._end_if_arrived, _ARRIVED_SECONDS)
        else:
            self.transport.abort()


class _CyclesTransport:
    """The transport as uvicorn's cycles of request and response use it."""

    def __init__(self, transport: Transport, connection: _Connection) -> None:
        self._connection = connection
        self.write = transport.write
        self.is_closing = transport.is_closing

    def close(self) -> None:
        """Close it, in stages if a request is still arriving."""
        if self._connection.cycle.more_body and not self.is_closing():
            self._connection.linger()
        else:
            self._connection.close()


def _has_unread(transport: Transport) -> bool:
    """Whether bytes wait that the event loop has not seen yet."""
    poll = select.poll()
    poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)
    return bool(poll.poll(0))


def _has_unsent(transport: Transport) -> bool:
    """Whether the kernel holds bytes that have not arrived, as it does while the loop has some."""
    connection = transport.get_extra_info("socket").fileno()
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4)))
    except (OSError, ValueError):
        return False  # not every system knows it of sockets, and closed ones hold nothing
    return bool(count)
