"""Around each request: its id, its bounds, the answer to every error, a metric and a log line.

Pure ASGI, so that a request which is cut off or cancelled is counted and logged too.
"""

import asyncio
import logging
import re
import time

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import MalformedRequest
from app.observability import logs
from app.observability.metrics import RequestCounts
from app.web.body_buffering import Body, Buffers
from app.web.preconditions import preconditions_of
from app.web.problem_details import as_app_error, problem
from app.web.request_gate import RequestState, request_state
from app.web.response_headers import headers_of, request_id_of

# RFC 3986, section 3.2.2, with a port; an address in brackets is not looked into.
_HOST = re.compile(rb"([A-Za-z0-9._~!$&'()*+,;=%-]+|\[[A-Za-z0-9:.%]+\])(:[0-9]*)?")
# Other methods are `other` in metrics and logs: clients can make up as many as they like.
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"})
# Asked every second by whoever runs the service.
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})


class RequestMiddleware:
    """Answers every request and every error.

    HEAD is answered as GET, without its body (RFC 9110, section 9.3.2). What arrived of a body is
    held in `buffers` until the request ends.
    """

    def __init__(self, app: ASGIApp, buffers: Buffers, counts: RequestCounts) -> None:
        self._app = app
        self._buffers = buffers
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        method = scope["method"]
        is_head = method == "HEAD"
        # A copy: the server has to know that it was HEAD, so as to send no body.
        scope = {**scope, "method": "GET"} if is_head else scope
        request_id = request_id_of(scope)
        headers = headers_of(scope, request_id)
        body = Body(scope, receive, self._buffers)
        scope["tickbox"] = RequestState(request_id, headers, body, preconditions_of(scope))
        status: int | None = None
        outcome = logs.FAILED

        async def reply(message: Message) -> None:
            nonlocal status, outcome
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *headers]
                await send(message)
                return
            await send({**message, "body": b""} if is_head else message)
            if not message.get("more_body", False):
                outcome = logs.COMPLETED

        context = logs.request_id.set(request_id)
        self._counts.in_flight += 1
        try:
            _check_host(scope)
            await self._app(scope, body.receive, reply)
        except ClientDisconnect:
            outcome = logs.DISCONNECTED  # nobody is left to be answered
        except asyncio.CancelledError:
            outcome = logs.CANCELLED
            raise
        except Exception as error:
            if status is not None:
                raise
            await problem(as_app_error(error, scope), request_id)(scope, receive, reply)
        finally:
            body.give_back()
            self._counts.in_flight -= 1
            logs.request_id.reset(context)
            if scope.get("state", {}).get("disconnected"):  # the server says so there
                outcome = logs.DISCONNECTED
            self._leave_traces(scope, method, status, outcome, time.perf_counter() - begun)
            # Its body refers to the server's scope: together they would wait for the collector, and
            # with them what a client did not take.
            del scope["tickbox"]

    def _leave_traces(
        self, scope: Scope, method: str, status: int | None, outcome: str, seconds: float
    ) -> None:
        route: str | None = None  # the path's template; the path itself may be anything
        if "route" in scope:
            route = scope["route"].path
        elif "app_root_path" in scope:  # what is mounted has no route
            route = scope["root_path"]
        if method not in _METHODS:
            method = "other"
        self._counts.ended(route, method, status, seconds)
        level = logging.INFO
        if route in _QUIET:
            level = logging.DEBUG
        elif outcome == logs.FAILED or (status is not None and status >= 500):
            level = logging.WARNING
        state = request_state(scope)
        logs.requests.log(
            level,
            "request",
            request_id=state.request_id,
            user_id=state.user_id,
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 2),
            outcome=outcome,
        )


def _check_host(scope: Scope) -> None:
    """RFC 9112, section 3.2: one, and a valid one. Raises `MalformedRequest`."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) != 1 and (hosts or scope["http_version"] != "1.0"):
        raise MalformedRequest("Send one Host header.")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise MalformedRequest("The Host header is no host.")
