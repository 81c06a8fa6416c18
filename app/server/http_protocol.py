"""HTTP/1.1 connections: uvicorn's protocol, with limits on slow clients and on large heads.

What is no request never reaches the app: it gets a bare status, and the connection ends.
"""

from asyncio import TimerHandle, Transport
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from app.server.closing import ClosingTransport
from app.server.config import Config

# Of a request's line and headers, and of trailers after its body: ten times what browsers send.
HEAD_BYTES = 1 << 16
# Parsed headers take a hundred times the memory of what was sent, so they are parsed in parts.
_PART_BYTES = 1 << 14


class _HeadTooLarge(Exception):
    pass


class HttpProtocol(HttpToolsProtocol):
    """One connection."""

    config: Config
    cycle: Any
    _closing: ClosingTransport
    _timer: TimerHandle | None = None
    _is_arriving = False  # the head of a request
    _is_refused = False
    # Bytes since the part in which a head began, or that had some of a body in it.
    _bodiless = 0

    # uvicorn's own narrows the type as well.
    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._closing = ClosingTransport(transport)
        self.transport = self._closing  # type: ignore[assignment]
        self._refused_counts = self.app.state.lifecycle.refused
        self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._unset_keepalive_if_required()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            # uvicorn drops what the app sends from now on, and does not tell it.
            cycle.scope["state"]["disconnected"] = True
        super().connection_lost(exc)
        self._closing.cancel()

    def data_received(self, data: bytes) -> None:
        for begin in range(0, len(data), _PART_BYTES):
            if self._is_refused or self._closing.is_lingering or self._closing.is_closing():
                return
            self._parse(data[begin : begin + _PART_BYTES])

    def _parse(self, data: bytes) -> None:
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
        else:
            if self._is_arriving and self._timer is None:
                self._wait_for_head()

    def _feed(self, data: bytes) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # The parser would take the body for the next request. Another one reads the head
                # again without its offer, which is ignored (RFC 9110, section 7.8). CONNECT stays
                # an upgrade, and is refused.
                parser = self.parser
                version = b"HTTP/%b" % parser.get_http_version().encode()
                head = [b"%b %b %b" % (parser.get_method(), self.url, version)]
                head += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(b"\r\n".join([*head, b"", b""]))
                data = data[upgrade.args[0] :]

    def on_message_begin(self) -> None:
        self._stop_waiting()
        self._is_arriving = True
        self._bodiless = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        # A head that came in one part is no larger than that.
        if self._bodiless:
            # With each header go a colon, a space and a line break.
            size = sum(len(name) + len(value) + 4 for name, value in self.headers)
            if len(self.url) + size > HEAD_BYTES:
                raise _HeadTooLarge
        if self.parser.should_upgrade():
            return
        # Not at any byte, as uvicorn does: empty lines would keep a connection for ever.
        self._unset_keepalive_if_required()
        super().on_headers_complete()
        self._stop_waiting()
        self._is_arriving = False
        # Trailers, which come later, are no headers (RFC 9110, section 6.5.1).
        self.headers = []
        self._closing.has_unread = True
        if self.config.is_ending:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._bodiless = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if not self.parser.should_upgrade():
            self._closing.has_unread = False
            super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._closing.is_lingering:
            self.flow.resume_reading()
            return
        super().on_response_complete()

    def _wait_for_head(self) -> None:
        self._timer = self.loop.call_later(self.config.settings.request_timeout, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        """End a connection whose next head has not arrived in time."""
        self._refused_counts["timeout"] += 1
        self._close_after_answers()

    def _refuse(self, status: int, reason: str) -> None:
        """Answer without the app, and close. Where another answer is due, that is the last one."""
        self._is_refused = True
        self._stop_waiting()
        if self._is_arriving:
            self.headers.clear()  # not to be kept for as long as the client sends on
        cycle, is_body = self.cycle, self._closing.has_unread
        if not is_body:
            self._refused_counts[reason] += 1
        elif not (cycle.response_started or self.pipeline):
            # The app waits for a body that will not come, and nothing that it sends is sent.
            cycle.disconnected = cycle.scope["state"]["disconnected"] = True
            cycle.response_complete = True
            cycle.message_event.set()
            is_body = False
        if is_body or not (cycle is None or cycle.response_complete):
            self._close_after_answers()
            return
        headers = [b"%b: %b\r\n" % header for header in self.server_state.default_headers]
        end = b"connection: close\r\ncontent-length: 0\r\n\r\n"
        self._closing.write(b"".join([STATUS_LINE[status], *headers, end]))
        self._closing.linger()
        self.flow.resume_reading()

    def _close_after_answers(self) -> None:
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._closing.close()
        else:
            cycle.keep_alive = False
