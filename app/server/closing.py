"""How a connection is closed so that its client has the last answer."""

from asyncio import AbstractEventLoop, TimerHandle, Transport
from collections.abc import Callable

from app.server.sockets import unsent

# A client that is still sending when it is refused has so long to read why, and may send so much.
_LINGER_SECONDS = 2
_LINGER_BYTES = 16 << 20
# How often a connection that is to end is asked whether all that was written has arrived.
_ARRIVED_SECONDS = 0.5


class ClosingTransport:
    """The transport as cycles of request and response use it: written to, and closed.

    `has_unread` says whether some of a request is still to come, `is_lingering` whether what
    comes is to be discarded.
    """

    has_unread = is_lingering = False
    _timer: TimerHandle | None = None
    _discarded = 0

    def __init__(self, transport: Transport, loop: AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self.write = transport.write
        self.is_closing = transport.is_closing

    def close(self) -> None:
        """Close it, in stages if a request is still arriving."""
        if self.has_unread and not self.is_closing():
            self.linger()
        else:
            self._close()

    def linger(self) -> None:
        """Close in stages (RFC 9112, section 9.6).

        Closed at once, with bytes unread, the connection is reset, and the client may lose
        the answer that it had already received.
        """
        if self.is_lingering:
            return
        self.is_lingering = True
        self._wait(self._close, _LINGER_SECONDS)
        # Not by HTTPS: what is encrypted ends both ways.
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def discard(self, data: bytes) -> None:
        """What comes while it lingers."""
        self._discarded += len(data)
        if self._discarded > _LINGER_BYTES:
            self._close()

    def cancel(self) -> None:
        """It has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _close(self) -> None:
        self._transport.close()
        if not self._transport.can_write_eof():
            # By HTTPS it would wait for half a minute for the client to end it too, which one
            # that keeps connections in a pool does not do; that would hold up a shutdown.
            self._wait(self._abort_if_arrived, _ARRIVED_SECONDS)

    def _abort_if_arrived(self) -> None:
        if self._transport.get_write_buffer_size() or unsent(self._transport):
            self._wait(self._abort_if_arrived, _ARRIVED_SECONDS)
        else:
            self._transport.abort()

    def _wait(self, then: Callable[[], None], seconds: float) -> None:
        self.cancel()
        self._timer = self._loop.call_later(seconds, then)
