"""HTTP/1.1 connections: uvicorn's, and what it leaves open to who sends slowly or without an end.

A request has a time to arrive in and a head of a limited size, an answer a time to be taken in.
What is no request never reaches the app: it is a bare status and the end of the connection.
"""

from asyncio import TimerHandle, Transport
from collections.abc import Callable
from typing import Any

import httptools
import uvicorn
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.server.closing import ClosingTransport
from app.server.send_timeout import SendTimeout

# Of a request's line and headers, and of trailers after its body: ten times what browsers send.
HEAD_BYTES = 1 << 16
# That are parsed at once.
_PART_BYTES = 1 << 14
# Before the query: uvicorn decodes it on the event loop, 1 ms for each KiB of percent signs.
PATH_BYTES = 1 << 13
# With each header come a colon, a space and a line break.
_HEADER_EXTRA = 4
# The app says 408 when a body is late; it has this long to say so.
_LATE_SECONDS = 1
# At a shutdown a request may be on its way to an idle connection for as long as a round trip.
_LAST_REQUEST_SECONDS = 0.5


class Config(uvicorn.Config):
    """uvicorn's, with how long we wait: for a request, for an answer to be taken, for the end."""

    request_timeout: float = 10
    send_timeout: float = 30
    shutdown_delay: float = 0
    # Whether the server has told its connections to end; a handshake may end after that.
    is_ending = False
    configure_logs: Callable[[], object] | None = None

    @property
    def seconds_to_end(self) -> float:
        """How long a process takes to end at most, once it was told to."""
        return self.shutdown_delay + (self.timeout_graceful_shutdown or 0)

    def configure_logging(self) -> None:
        """Called here, and in each process that is started."""
        if self.configure_logs is not None:
            self.configure_logs()


class _HeadTooLarge(Exception):
    pass


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    config: Config
    cycle: Any
    _closing: ClosingTransport
    _sending: SendTimeout
    _timer: TimerHandle | None = None
    _is_arriving = False  # the head of a request
    _is_draining = False
    _refusal = b""  # to be given after the answers to earlier requests
    # Bytes since the part in which a head began, or that had some of a body in it.
    _bodiless = 0

    # uvicorn's own narrows the type as well.
    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._closing = ClosingTransport(transport, self.loop)
        self._sending = SendTimeout(transport, self.config.send_timeout)
        self._is_draining = self.config.is_ending
        if self._is_draining:
            self._wait(self._closing.close, _LAST_REQUEST_SECONDS)
        else:
            self._wait(self._give_up, self.config.request_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._unset_keepalive_if_required()
        self._closing.cancel()
        self._sending.cancel()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            # What the app sends from now on goes nowhere, and nothing else tells it so.
            cycle.scope["state"]["disconnected"] = True
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # At once it may be all of headers that are a hundred times as large once they are parsed.
        for begin in range(0, len(data), _PART_BYTES):
            part = data[begin : begin + _PART_BYTES]
            if self._closing.is_lingering:
                self._closing.discard(part)
            elif not self._refusal and not self.transport.is_closing():
                self._parse(part)

    def _parse(self, data: bytes) -> None:
        """Instead of uvicorn's, which logs a line for each request that is none."""
        self._bodiless += len(data)
        try:
            self._feed(data)
            if self._bodiless > HEAD_BYTES:
                raise _HeadTooLarge
        except _HeadTooLarge:
            self._refuse(431, "head_too_large")
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            is_large = isinstance(error.__context__, _HeadTooLarge)
            self._refuse(*((431, "head_too_large") if is_large else (400, "malformed")))

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # The parser would leave out the body. Another one reads it: the offer is ignored
                # (RFC 9110, section 7.8). That of CONNECT is its method, which is refused.
                parser = self.parser
                version = parser.get_http_version().encode()
                head = [b"%b %b HTTP/%b" % (parser.get_method(), self.url, version)]
                head += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(b"\r\n".join([*head, b"", b""]))
                data = data[upgrade.args[0] :]

    def on_message_begin(self) -> None:
        # Not at any byte, as uvicorn does: empty lines before a request are none of it.
        self._unset_keepalive_if_required()
        if not self._is_arriving:  # else it is the same head, without its offer
            self._wait(self._give_up, self.config.request_timeout)
        self._is_arriving = True
        self._bodiless = 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > PATH_BYTES and b"?" not in self.url[: PATH_BYTES + 1]:
            raise _HeadTooLarge

    def on_headers_complete(self) -> None:
        # A head that came in one part is no larger than that.
        if self._bodiless:
            size = sum(len(name) + len(value) + _HEADER_EXTRA for name, value in self.headers)
            if len(self.url) + size > HEAD_BYTES:
                raise _HeadTooLarge
        if self.parser.should_upgrade():
            return
        super().on_headers_complete()
        self._is_arriving = False
        # Trailers are no headers (RFC 9110, section 6.5.1): what comes now, nobody sees.
        self.headers = []
        self.cycle.transport = self._closing
        self._closing.has_unread = True
        if self._is_draining:
            self.cycle.keep_alive = False
        self._wait(self._give_up, self.config.request_timeout + _LATE_SECONDS)

    def on_body(self, body: bytes) -> None:
        self._bodiless = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            self._stop_waiting()
            self._closing.has_unread = False
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._closing.is_lingering:
            self.flow.resume_reading()
        elif self._refusal and not self.pipeline and not self.transport.is_closing():
            self._answer_refused()
        else:
            super().on_response_complete()
            if self._is_draining and self._is_idle() and not self.transport.is_closing():
                self._wait(self._closing.close, _LAST_REQUEST_SECONDS)

    def timeout_keep_alive_handler(self) -> None:
        self._closing.close()

    def shutdown(self) -> None:
        """Close after the answer to what came, or is on its way; uvicorn closes idle ones.

        The last answer says `Connection: close`, so that the client sends nothing after it.
        """
        self._is_draining = True
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            # One that has begun to leave has said already that the connection is kept.
            cycle.keep_alive = cycle.keep_alive and cycle.response_started
        elif not self._is_arriving:
            self._wait(self._closing.close, _LAST_REQUEST_SECONDS)

    def _is_idle(self) -> bool:
        return self.cycle.response_complete and not self._is_arriving

    def _wait(self, then: Callable[[], None], seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """A request has not arrived in time. Of a body the app says so."""
        cycle = self.cycle
        if not self._closing.has_unread:
            self._count("timeout")
        if cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False
        else:
            self._closing.close()

    def _refuse(self, status: int, reason: str) -> None:
        """Answer without the app, once all is answered that was asked before, and close."""
        headers = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        end = b"connection: close\r\ncontent-length: 0\r\n\r\n"
        self._refusal = b"".join([STATUS_LINE[status], *headers, end])
        self._stop_waiting()
        cycle = self.cycle
        if not self._closing.has_unread:
            self._count(reason)
        elif self.pipeline and self.pipeline[0][0] is cycle:
            self.pipeline.popleft()  # the app never sees it
        elif cycle.response_started:
            self._count(reason)
            self.transport.close()  # the answer is still leaving, and stays unfinished
            return
        else:
            # The app waits for what will not come, and nothing that it sends is sent.
            cycle.disconnected = cycle.scope["state"]["disconnected"] = True
            cycle.response_complete = True
            cycle.message_event.set()
        if cycle is None or cycle.response_complete:
            self._answer_refused()

    def _answer_refused(self) -> None:
        if self._is_arriving:
            self.headers.clear()  # not to be kept for as long as the client sends on
        self._closing.write(self._refusal)
        self._closing.linger()
        self.flow.resume_reading()

    def _count(self, reason: str) -> None:
        app: Any = self.config.loaded_app
        app.state.lifecycle.refused[reason] += 1
