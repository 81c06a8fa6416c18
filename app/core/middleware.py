"""Pure ASGI around every request: its id, its method, its size, and its last resort."""

import logging
import re
from collections.abc import MutableMapping
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core.clock import new_id_text
from app.core.errors import AppError, ContentTooLarge, InternalError, MalformedRequest
from app.core.handlers import problem

logger = logging.getLogger(__name__)

_MAX_LENGTH_DIGITS = 18
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
        headers = [(b"x-request-id", request_id)]
        is_head = scope["method"] == "HEAD"
        # A copy: the server's own has to know that it was HEAD, so as to expect no body.
        scope = {
            **scope,
            "method": "GET" if is_head else scope["method"],
            "state": {
                **scope.get("state", {}),
                "request_id": request_id.decode(),
                # What every answer to this request carries; whoever comes later may add to it.
                "headers": headers,
            },
        }
        started = False

        async def reply(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message.get("headers", ()), *headers]
            elif is_head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        body = _LimitedBody(receive, self._max_body_bytes)
        try:
            body.check_declared(scope)
            await self._app(scope, body.receive, reply)
        except ClientDisconnect:
            return  # nobody is left to be answered
        except Exception as error:
            if started:
                raise
            await problem(Request(scope), self._answer_to(error, scope))(scope, receive, reply)

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


def _request_id(scope: Scope) -> bytes:
    """The caller's, if it sent a sane one, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _SANE_ID.fullmatch(value):
            return bytes(value)
    return new_id_text().encode()
