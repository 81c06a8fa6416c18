"""HTTP/1.1 connections: nobody holds one for ever, who sends or reads slowly, or memory by an
endless head; none ends before a client had its answer, or under a request that was sent on it.
"""

from asyncio import TimerHandle, Transport
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.core.errors import AppError, HeadTooLarge, MalformedRequest, RequestTimeout
from app.server.cycles import CyclesTransport
from app.server.heads import HEAD_BYTES, PATH_BYTES, has_long_path, head_size, without_offer
from app.server.last_answers import LastAnswers
from app.server.send_timeout import SendTimeout
from app.server.sockets import has_unread, unsent

_NO_HTTP = "This is no HTTP request."
# A client that is still sending when it is refused has so long to read why, and may send so much.
_LINGER_SECONDS = 2
_LINGER_BYTES = 16 << 20
# At a shutdown a handshake that is not over may take so long, and what it is for is answered.
LAST_HANDSHAKE_SECONDS = 2
# How often a connection that is to end is asked whether all that was written has arrived.
_ARRIVED_SECONDS = 0.5
# At a shutdown a request may be on its way to an idle connection for as long as a round trip.
_LAST_REQUEST_SECONDS = 0.5


def protocol(request_timeout: float, send_timeout: float) -> type[HttpToolsProtocol]:
    """Give uvicorn's protocol, but a request has to arrive whole within `request_timeout` seconds.

    The time runs from when the connection is made (by HTTPS, from when its handshake is over) or,
    on one that is kept alive, from the request's first byte. Between requests uvicorn's own
    keep-alive timeout counts, and for answers `SendTimeout` with `send_timeout` seconds.
    """
    timeouts = {"request_timeout": request_timeout, "send_timeout": send_timeout}
    return type("Connection", (_Connection,), timeouts)


class _Connection(HttpToolsProtocol):
    request_timeout: float
    send_timeout: float
    _cycles_transport: CyclesTransport | None = None  # until it is connected
    _sending: SendTimeout
    _cut: TimerHandle | None = None
    _arriving = False  # the head of a request
    _unfinished: Any = None  # the cycle of a request whose body is arriving
    _refusal: AppError | None = None  # to be given after the answers to earlier requests
    _draining = False
    _discarded = 0
    # Bytes: of what is being parsed; of the head, with what came before it in its first chunk; and
    # since the head's first chunk, or a chunk that had some of a body in it.
    _chunk = _head = _bodiless = 0

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        app: Any = self.config.app
        self._last: LastAnswers = app.state.last_answers
        # It counts from when it is accepted: a shutdown waits for its handshake. If that fails,
        # nobody tells.
        self.connections.add(self)
        self._wait(self._forget, self.request_timeout)

    # uvicorn's own narrows the type as well.
    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._cycles_transport = CyclesTransport(transport, self)
        self._sending = SendTimeout(transport, self.send_timeout)
        if self._draining:
            self._wait(self._close_if_idle, _LAST_REQUEST_SECONDS)
        else:
            self._wait(self._give_up, self.request_timeout)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        self._sending.cancel()
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
        elif len(data) <= HEAD_BYTES:
            self._parse(data)
        else:
            # It may be all of headers that are a hundred times as large once they are parsed.
            for begin in range(0, len(data), HEAD_BYTES):
                self._parse(memoryview(data)[begin : begin + HEAD_BYTES])

    def _parse(self, data: bytes | memoryview) -> None:
        """Instead of uvicorn's, which logs a line for each request that is none."""
        if self._refusal is not None:
            return
        self._chunk = len(data)
        self._head += self._chunk
        self._bodiless += self._chunk
        try:
            self._feed(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            cause = error.__context__
            self._refuse(cause if isinstance(cause, HeadTooLarge) else MalformedRequest(_NO_HTTP))
        else:
            if self._bodiless > HEAD_BYTES or (self._arriving and self._is_head_too_large()):
                self._refuse(HeadTooLarge(HEAD_BYTES))

    def _feed(self, data: bytes | memoryview) -> None:
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as upgrade:
                # The parser would leave out the body. Another one reads it: the offer is ignored
                # (RFC 9110, section 7.8). That of CONNECT is its method, which is refused.
                head = without_offer(self.parser, self.url, self.headers)
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
                self.parser.feed_data(head)
                data = memoryview(data)[upgrade.args[0] :]

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
        # Not at any byte, as uvicorn does: empty lines before a request are none of it.
        self._unset_keepalive_if_required()
        if not self._arriving:  # else it is the same head, without its offer
            self._wait(self._give_up, self.request_timeout)
        self._arriving = True
        self._head, self._bodiless = self._chunk, 0
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if has_long_path(self.url):
            raise HeadTooLarge(PATH_BYTES, "path")

    def on_headers_complete(self) -> None:
        if self._is_head_too_large():
            raise HeadTooLarge(HEAD_BYTES)
        if self.parser.should_upgrade():
            return
        super().on_headers_complete()
        self._arriving = False
        # Trailers are no headers (RFC 9110, section 6.5.1): what comes now, nobody sees.
        self.headers = []
        cycle: Any = self.cycle
        self._unfinished = cycle
        cycle.transport = self._cycles_transport
        if self._draining:
            cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        self._bodiless = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._stop_waiting()
        self._unfinished = None
        self._bodiless = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        if self._is_lingering():
            return
        if self._refusal is not None and not self.pipeline and not self.transport.is_closing():
            self._answer(self._refusal)
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
        self._refuse(RequestTimeout())

    def _is_head_too_large(self) -> bool:
        return self._head > HEAD_BYTES and head_size(self.url, self.headers) > HEAD_BYTES

    def _refuse(self, error: AppError) -> None:
        """Answer in the app's place once all is answered that was asked before, and close."""
        self._stop_waiting()
        if self.transport.is_closing():
            return
        cycle: Any = self._unfinished
        if cycle is not None and cycle.response_started:
            self.close()
            return
        # Of requests that were sent without waiting for answers, the last one's is this.
        queued = [entry for entry in self.pipeline if entry[0] is cycle]
        for entry in queued:
            self.pipeline.remove(entry)
        current: Any = self.cycle
        is_first = (
            not self.pipeline
            and not queued
            and (current is None or current is cycle or current.response_complete)
        )
        if cycle is None or queued:
            self._last.count(error)
        else:
            # The app waits for what will not come, and nothing that it sends is sent.
            cycle.scope["state"] |= {"disconnected": True, "refused": error.status}
            cycle.disconnected = True
            cycle.message_event.set()
        self._refusal = error
        if is_first:
            self._answer(error)

    def _answer(self, error: AppError) -> None:
        scope: Any = {"scheme": self.scheme, "headers": self.headers if self._arriving else []}
        if self._unfinished is not None:
            scope = self._unfinished.scope
        self.transport.write(self._last.answer(error, scope, self.server_state.default_headers))
        if self._arriving:
            self.headers.clear()  # not to be kept for as long as the client sends on
        if isinstance(error, HeadTooLarge):
            self.linger()
        else:
            self.close()

    def _close_if_idle(self) -> None:
        # What has just come is answered first, within the time that every request has.
        if has_unread(self.transport):
            self._wait(self._give_up, self.request_timeout)
        else:
            self.close()

    def _end_if_arrived(self) -> None:
        if self.transport.get_write_buffer_size() or unsent(self.transport):
            self._wait(self._end_if_arrived, _ARRIVED_SECONDS)
        else:
            self.transport.abort()
