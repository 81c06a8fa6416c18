"""Pure ASGI around every request: its id, its method, its size, and its last resort."""

import logging
import re
from collections.abc import MutableMapping
from typing import Any

from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.clock import new_id
from app.core.errors import AppError, ContentTooLarge, InternalError
from app.core.handlers import problem

logger = logging.getLogger(__name__)

_SANE_ID = re.compile(rb"[A-Za-z0-9._~+/=-]{1,128}")


class RequestMiddleware:
    """Gives each request an id, and turns what nothing else handled into a 500 problem.

    HEAD is answered as GET, without its body (RFC 9110, section 9.3.2). A body is cut at
    `max_body_bytes`: FastAPI's own limit answers text/plain, and our contract says problems.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id.decode()
        is_head = scope["method"] == "HEAD"
        if is_head:
            scope["method"] = "GET"
        started = False

        async def reply(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id),
                ]
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        body = _LimitedBody(receive, self._max_body_bytes)
        try:
            body.check_declared(scope)
            await self._app(scope, body.receive, reply)
        except Exception as error:
            if started:
                raise
            if not isinstance(error, AppError):
                logger.exception("unhandled error in request %s", request_id.decode())
                error = InternalError()
            await problem(Request(scope), error)(scope, receive, reply)


class _LimitedBody:
    """Counts what comes in. Raises `ContentTooLarge`, after which the connection is closed."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit
        self._limit = limit

    def check_declared(self, scope: Scope) -> None:
        for name, value in scope["headers"]:
            if name == b"content-length" and (len(value) > 18 or int(value) > self._limit):
                raise self._error()

    async def receive(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise self._error()
        return message

    def _error(self) -> ContentTooLarge:
        return ContentTooLarge(
            f"A body has at most {self._limit} bytes.",
            params={"max_bytes": self._limit},
            # What is still on its way is not read.
            headers={"Connection": "close"},
        )


def _request_id(scope: Scope) -> bytes:
    """The caller's, if it sent a sane one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return bytes(value)
    return str(new_id()).encode()
