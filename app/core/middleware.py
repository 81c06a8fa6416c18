"""Pure ASGI around every request: its id, its method, its size, its last resort, and its traces.

Every request is counted and leaves a line in the log, also one that is cut off or cancelled.
"""

import asyncio
import logging
import re
import time
from collections.abc import MutableMapping
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import browser, logs
from app.core.clock import new_id_text
from app.core.cors import Cors
from app.core.errors import AppError, ContentTooLarge, InternalError, MalformedRequest
from app.core.handlers import problem
from app.core.metrics import RequestCounts
from app.core.redaction import redact

logger = logging.getLogger(__name__)

_MAX_LENGTH_DIGITS = 18
_SANE_ID = re.compile(rb"[A-Za-z0-9._~+/=-]{1,128}")
_UUID_LENGTH = 36
# What clients make up is no label and not logged.
_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "DELETE", "PUT", "OPTIONS"})
_OTHER_METHOD = "other"
# Asked every second by whoever runs the service.
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})


class RequestMiddleware:
    """Gives each request an id, and turns what nothing else handled into a 500 problem.

    HEAD is answered as GET, without its body (RFC 9110, section 9.3.2). A body is cut at
    `max_body_bytes`: FastAPI's own limit answers text/plain, and our contract says problems.
    """

    def __init__(
        self,
        app: ASGIApp,
        max_body_bytes: int,
        counts: RequestCounts | None = None,
        cors: Cors | None = None,
    ) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes
        self._cors = cors
        self._counts = RequestCounts() if counts is None else counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        request_id = _request_id(scope)
        server = scope
        method = scope["method"]
        headers = self._headers(scope, request_id)
        state = {
            **scope.get("state", {}),
            "request_id": request_id.decode(),
            # What every answer to this request carries; whoever comes later may add to it.
            "headers": headers,
        }
        is_head = method == "HEAD"
        # A copy: the server's own has to know that it was HEAD, so as to expect no body.
        scope = {**scope, "method": "GET" if is_head else method, "state": state}
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

        body = _LimitedBody(receive, self._max_body_bytes)
        context = logs.request_id.set(state["request_id"])
        self._counts.in_flight += 1
        try:
            body.check_declared(scope)
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
            self._counts.in_flight -= 1
            logs.request_id.reset(context)
            if server.get("state", {}).get("disconnected"):
                outcome = logs.DISCONNECTED
            self._leave_traces(scope, method, status, outcome, time.perf_counter() - begun)

    def _headers(self, scope: Scope, request_id: bytes) -> list[browser.Header]:
        """What the answer carries, whoever gives it."""
        headers = [(b"x-request-id", request_id), *browser.headers(scope)]
        if self._cors is not None:
            headers += self._cors.headers(scope)
        return headers

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
        state = scope["state"]
        principal = state.get("principal")
        logs.requests.write(
            level=level,
            request_id=state["request_id"],
            user_id=None if principal is None else principal.user_id,
            method=method,
            route=route,
            status=status,
            seconds=seconds,
            outcome=outcome,
        )

    def _answer_to(self, error: Exception, scope: Scope) -> AppError:
        if isinstance(error, _TooLarge):
            return ContentTooLarge(
                f"A body has at most {self._max_body_bytes} bytes.",
                params={"max_bytes": self._max_body_bytes},
                # What is still on its way is not read.
                headers={"Connection": "close"},
            )
        if isinstance(error, AppError):
            return error
        logger.error("unhandled error in request %s", scope["state"]["request_id"], exc_info=error)
        return InternalError()


class _TooLarge(Exception):
    """The body is. No `AppError`, so that no route makes it an answer of its own."""


class _LimitedBody:
    """Counts what comes in. Raises `_TooLarge`."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit

    def check_declared(self, scope: Scope) -> None:
        """Raises `_TooLarge` before any of it is read, and `MalformedRequest` for no number."""
        for name, value in scope["headers"]:
            if name == b"content-length":
                if not value.isdigit():
                    raise MalformedRequest("The Content-Length header is not a number.")
                if len(value) > _MAX_LENGTH_DIGITS or int(value) > self._left:
                    raise _TooLarge

    async def receive(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise _TooLarge
        return message


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


def _request_id(scope: Scope) -> bytes:
    """The caller's, if it sent a sane one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value) and not _is_secret(value):
            return bytes(value)
    return new_id_text().encode()


def _is_secret(value: bytes) -> bool:
    """Whether it looks like a token; a request's id is logged."""
    text = value.decode()
    return len(text) > _UUID_LENGTH and redact(text) != text
