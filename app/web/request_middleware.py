"""Gives every request an id, a size limit, a 500 as the last resort, a metric and a log line.

Pure ASGI, so that a request which is cut off or cancelled is counted and logged too.
"""

import asyncio
import logging
import re
import time

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.errors import AppError, ContentTooLarge, InternalError, MalformedRequest
from app.observability import logs
from app.observability.metrics import RequestCounts
from app.web.body_buffering import Body, Buffers, TooLarge
from app.web.exception_handlers import problem, route_at
from app.web.request_gate import RequestState, request_state
from app.web.response_headers import ResponseHeaders, request_id_of

logger = logging.getLogger(__name__)

# RFC 3986, section 3.2.2, with a port; an address in brackets is not looked into.
_HOST = re.compile(rb"([A-Za-z0-9._~!$&'()*+,;=%-]+|\[[A-Za-z0-9:.%]+\])(:[0-9]*)?")
# What clients make up is no label and not logged.
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"})
_OTHER_METHOD = "other"
# Asked every second by whoever runs the service.
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})


class RequestMiddleware:
    """Gives each request an id, and turns what nothing else handled into a 500 problem.

    HEAD is answered as GET, without its body (RFC 9110, section 9.3.2). A body has to be there
    within `request_timeout` seconds, and is cut at `max_body_bytes`: FastAPI's own limit answers
    text/plain, and our contract says problems. What comes of it is counted in `buffers` until the
    request is over, however that ends.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        counts: RequestCounts | None = None,
        buffers: Buffers | None = None,
        request_timeout: float = 10,
    ) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._request_timeout = request_timeout
        self._buffers = Buffers() if buffers is None else buffers
        self._counts = RequestCounts() if counts is None else counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        request_id = request_id_of(scope)
        method = scope["method"]
        headers = ResponseHeaders().headers(scope, request_id)
        # The server's: it says there when the client has gone.
        shared = scope.setdefault("state", {})
        body = Body(scope, receive, self._max_body_bytes, self._buffers, self._request_timeout)
        state = RequestState(request_id.decode(), headers, body)
        is_head = method == "HEAD"
        # A copy: the server's own has to know that it was HEAD, so as to expect no body.
        scope = {
            **scope,
            "method": "GET" if is_head else method,
            "state": {**shared, "request": state},
        }
        status: int | None = None
        outcome = logs.FAILED

        async def reply(message: Message) -> None:
            nonlocal status, outcome
            if message["type"] == "http.response.start":
                status = message["status"]
                self._counts.see(message.get("headers", ()))
                message["headers"] = [*message.get("headers", ()), *headers]
                await send(message)
                return
            await send({**message, "body": b""} if is_head else message)
            if not message.get("more_body", False):
                outcome = logs.COMPLETED

        context = logs.request_id.set(state.request_id)
        self._counts.in_flight += 1
        try:
            _check(scope, body)
            await self._app(scope, body.receive, reply)
        except ClientDisconnect:
            outcome = logs.DISCONNECTED  # nobody is left to be answered
        except asyncio.CancelledError:
            outcome = logs.CANCELLED
            raise
        except Exception as error:
            if status is not None:
                raise
            await problem(Request(scope), self._answer_to(error, scope))(scope, receive, reply)
        finally:
            body.give_back()
            self._counts.in_flight -= 1
            logs.request_id.reset(context)
            if shared.get("disconnected"):
                outcome = logs.DISCONNECTED
            self._leave_traces(scope, method, status, outcome, time.perf_counter() - begun)

    def _leave_traces(
        self, scope: Scope, method: str, status: int | None, outcome: str, seconds: float
    ) -> None:
        route = _route(scope)
        if method not in _METHODS:
            method = _OTHER_METHOD
        self._counts.ended(route, method, status, seconds)
        if route in _QUIET:
            level = logging.DEBUG
        elif outcome == logs.FAILED or (status is not None and status >= 500):
            level = logging.WARNING
        else:
            level = logging.INFO
        state = request_state(scope)
        principal = state.principal
        logs.requests.log(
            level,
            "request",
            request_id=state.request_id,
            user_id=None if principal is None else principal.user_id,
            method=method,
            route=route,
            status=status,
            duration_ms=round(seconds * 1000, 2),
            outcome=outcome,
        )

    def _answer_to(self, error: Exception, scope: Scope) -> AppError:
        if isinstance(error, TooLarge):
            return ContentTooLarge(
                f"The body may have at most {error.limit} bytes.",
                params={"max_bytes": error.limit},
                # What is still on its way is not read.
                headers={"Connection": "close"},
            )
        if isinstance(error, AppError):
            return error
        request_id = request_state(scope).request_id
        logger.error("unhandled error in request %s", request_id, exc_info=error)
        return InternalError()


def _check(scope: Scope, body: Body) -> None:
    """Raises what is said before the router sees it; it is known by the route that it is for."""
    try:
        _check_host(scope)
        body.check_declared()
    except (MalformedRequest, TooLarge):
        scope["route"] = route_at(scope)
        raise


def _check_host(scope: Scope) -> None:
    """RFC 9112, section 3.2: one, and a valid one. Raises `MalformedRequest`."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if not hosts and scope["http_version"] == "1.0":
        return
    if len(hosts) != 1:
        raise MalformedRequest("Send one Host header.")
    if not _HOST.fullmatch(hosts[0]):
        raise MalformedRequest("The Host header is no host.")


def _route(scope: Scope) -> str | None:
    """The template that the path was known by, None for an unknown path.

    Not the path itself: that may be anything, and has ids in it.
    """
    route = scope.get("route")
    if route is not None:
        path: str = route.path
        return path
    # What is mounted has no route, but sets this.
    return scope["root_path"] if "app_root_path" in scope else None
