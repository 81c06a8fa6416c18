"""How much of the bodies that clients send is held: of each, of each caller's, and of all."""

import asyncio
from collections import Counter
from collections.abc import MutableMapping
from typing import Any

from starlette.types import Receive, Scope

from app.core.errors import ContentTooLarge, MalformedRequest, RequestTimeout, Unavailable

# Of a body for which no token is needed: a sign-in has a few hundred bytes.
PUBLIC_BODY_BYTES = 1 << 14
# The part of what all may hold that one caller may, and that all without a token may together.
_PARTS, _PUBLIC_PARTS = 4, 2
_MAX_LENGTH_DIGITS = 18
# With these, what is still on its way is not read.
_CLOSE = {"Connection": "close"}


class ServerBusy(Unavailable):
    """More is being sent at once than is held in memory."""

    code = "server_busy"
    title = "Too much is being sent at once"

    def __init__(self) -> None:
        super().__init__()
        self.headers |= _CLOSE


class Buffers:
    """The bytes of bodies that one process holds, for requests that are not answered yet."""

    def __init__(self, limit: int = 64 << 20) -> None:
        self._limit = limit
        self._held: Counter[bytes] = Counter()
        self.held = self._public = 0

    def take(self, caller: bytes, size: int, *, is_public: bool = False) -> None:
        """Hold so many bytes more. Raises `ServerBusy`, and then holds none of them."""
        if (
            self.held + size > self._limit
            or self._held[caller] + size > self._limit // _PARTS
            or (is_public and self._public + size > self._limit // _PUBLIC_PARTS)
        ):
            raise ServerBusy
        self._add(caller, size, is_public=is_public)

    def give_back(self, caller: bytes, size: int, *, is_public: bool = False) -> None:
        """Hold so many bytes less."""
        self._add(caller, -size, is_public=is_public)
        if not self._held[caller]:
            del self._held[caller]

    def _add(self, caller: bytes, size: int, *, is_public: bool) -> None:
        self._held[caller] += size
        self.held += size
        self._public += size * is_public


class Body:
    """One request's body on its way in: `receive` counts it, until it is given back.

    All of it has to be there `timeout` seconds after the first is asked for.
    """

    def __init__(
        self, scope: Scope, receive: Receive, limit: int, buffers: Buffers, timeout: float
    ) -> None:
        self._headers = scope["headers"]
        self._receive = receive
        self._limit = limit
        self._buffers = buffers
        self._timeout = timeout
        self._deadline: float | None = None
        self._is_whole = False
        self._caller = b""
        self._is_public = True
        self._held = 0

    def charge_to(self, caller: bytes, *, is_public: bool) -> None:
        """Count it as this caller's, who has a token or is `is_public`; before any is read."""
        self._caller, self._is_public = caller, is_public

    def check_length(self, limit: int | None = None) -> None:
        """Refuse it before any of it is read, by what the client says of it, or by this `limit`.

        Raises `ContentTooLarge`, and `MalformedRequest` for a length that is no number.
        """
        if limit is not None:
            self._limit = min(self._limit, limit)
        for name, value in self._headers:
            if name == b"content-length":
                if not value.isdigit():
                    raise MalformedRequest("The Content-Length header is not a number.")
                if len(value) > _MAX_LENGTH_DIGITS or int(value) > self._limit:
                    raise self._too_large()

    async def receive(self) -> MutableMapping[str, Any]:
        """The next part. Raises `ContentTooLarge`, `ServerBusy`, `RequestTimeout`."""
        if self._is_whole:
            return await self._receive()  # which waits for the client to go
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._timeout
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeout from None
        self._is_whole = not message.get("more_body", False)
        size = len(message.get("body", b""))
        if size:
            if self._held + size > self._limit:
                raise self._too_large()
            self._buffers.take(self._caller, size, is_public=self._is_public)
            self._held += size
        return message

    def give_back(self) -> None:
        """Hold nothing of it any more: the request is over."""
        if self._held:
            self._buffers.give_back(self._caller, self._held, is_public=self._is_public)
            self._held = 0

    def _too_large(self) -> ContentTooLarge:
        return ContentTooLarge(
            f"The body may have at most {self._limit} bytes.",
            params={"max_bytes": self._limit},
            headers=_CLOSE,
        )
