"""How an answer is written, and how a connection is closed while its client is still sending."""

from asyncio import TimerHandle, Transport, get_running_loop
from collections.abc import Callable

# Seconds that a client which is still sending has to read why it was refused.
_LINGER_SECONDS = 2
# Seconds that a TLS client has to confirm the end. Those that keep idle connections in a pool do
# not, and asyncio's half a minute would hold up a shutdown.
_CONFIRM_SECONDS = 5


class ClosingTransport:
    """The transport that uvicorn's request cycles write to and close.

    `has_unread` says whether some of a request is still to come, `is_lingering` whether what comes
    is to be discarded.
    """

    has_unread = is_lingering = False
    _timer: TimerHandle | None = None

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._held = b""
        self.is_closing = transport.is_closing

    def write(self, data: bytes) -> None:
        """Write it with what comes next in this turn of the event loop.

        uvicorn writes a head and its body apart, which would be two system calls and two packets.
        """
        if self._held:
            self._held += data
            self._flush()
        else:
            self._held = data
            get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        held, self._held = self._held, b""
        if held and not self.is_closing():
            self._transport.write(held)

    def close(self) -> None:
        """Close the connection, in stages while a request is still arriving."""
        if self.has_unread:
            self.linger()
        else:
            self._close()

    def linger(self) -> None:
        """Close in stages (RFC 9112, section 9.6).

        Closed at once, with bytes unread, the connection would be reset, and the client might lose
        the answer that it had already received.
        """
        if self.is_lingering or self.is_closing():
            return
        self._flush()
        self.is_lingering = True
        self._later(_LINGER_SECONDS, self._close)
        if self._transport.can_write_eof():  # TLS has no connections that are half closed
            self._transport.write_eof()

    def _close(self) -> None:
        self._flush()
        self._transport.close()
        if not self._transport.can_write_eof():
            self._later(_CONFIRM_SECONDS, self._abort)

    def _later(self, seconds: float, then: Callable[[], None]) -> None:
        self.cancel()
        self._timer = get_running_loop().call_later(seconds, then)

    def cancel(self) -> None:
        """Forget the connection, which has ended."""
        if self._timer is not None:
            self._timer.cancel()

    def _abort(self) -> None:
        # How long a client may take nothing of what is left is limited elsewhere.
        if self._transport.get_write_buffer_size():
            self._later(_CONFIRM_SECONDS, self._abort)
        else:
            self._transport.abort()
