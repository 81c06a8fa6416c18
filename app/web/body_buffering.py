"""How much of the bodies that clients send is held: of each, of each caller's, and of all."""

import asyncio
from collections import Counter
from collections.abc import MutableMapping
from typing import Any

from starlette.types import Receive, Scope

from app.core.errors import ContentTooLarge, MalformedRequest, RequestTimeout, Unavailable

# Of a body for which no token is needed: a sign-in has a few hundred bytes.
PUBLIC_BODY_BYTES = 1 << 14
_MAX_LENGTH_DIGITS = 18
# Who holds bytes, besides each caller: all requests, and all without a token.
ALL, PUBLIC = "all", "public"


class ServerBusy(Unavailable):
    """More is being sent at once than is held in memory."""

    code = "server_busy"
    title = "Too much is being sent at once"
    # Closed, so that what is still on its way is not read.
    default_headers = {"Retry-After": "1", "Connection": "close"}


class Buffers:
    """The bytes of bodies that one process holds, for requests that are not answered yet.

    All together at most `limit`, one caller a quarter of it, and all without a token half. A body
    has at most `body_limit`, and `timeout` seconds to arrive.
    """

    def __init__(
        self, limit: int = 64 << 20, body_limit: int = 1 << 20, timeout: float = 10
    ) -> None:
        self.body_limit = body_limit
        self.timeout = timeout
        self.held: Counter[str | bytes] = Counter()
        self._limits: dict[str | bytes, int] = {ALL: limit, PUBLIC: limit // 2}
        self._caller_limit = limit // 4

    def take(self, size: int, *holders: str | bytes) -> None:
        """Hold so many bytes more, in all these names. Raises `ServerBusy`, and then holds none."""
        for holder in holders:
            if self.held[holder] + size > self._limits.get(holder, self._caller_limit):
                raise ServerBusy
        for holder in holders:
            self.held[holder] += size

    def give_back(self, size: int, *holders: str | bytes) -> None:
        """Hold so many bytes less."""
        for holder in holders:
            self.held[holder] -= size
            if not self.held[holder]:
                del self.held[holder]


class Body:
    """One request's body on its way in: `receive` counts it, until it is given back."""

    def __init__(self, scope: Scope, receive: Receive, buffers: Buffers) -> None:
        self._headers = scope["headers"]
        self._receive = receive
        self._buffers = buffers
        self._limit = buffers.body_limit
        self._deadline: float | None = None
        self._is_whole = False
        self._holders: tuple[str | bytes, ...] = (ALL, PUBLIC)
        self._size = 0

    def charge_to(self, caller: bytes, *, is_public: bool) -> None:
        """Count it as this caller's, who has a token or is `is_public`; before any is read."""
        self._holders = (ALL, PUBLIC, caller) if is_public else (ALL, caller)

    def check_length(self, *, is_public: bool) -> None:
        """Refuse it before any of it is read, by what the client says of it.

        Raises `ContentTooLarge`, and `MalformedRequest` for a length that is no number.
        """
        if is_public:
            self._limit = min(self._limit, PUBLIC_BODY_BYTES)
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
            self._deadline = asyncio.get_running_loop().time() + self._buffers.timeout
        try:
            async with asyncio.timeout_at(self._deadline):
                message = await self._receive()
        except TimeoutError:
            raise RequestTimeout from None
        self._is_whole = not message.get("more_body", False)
        size = len(message.get("body", b""))
        if size:
            if self._size + size > self._limit:
                raise self._too_large()
            self._buffers.take(size, *self._holders)
            self._size += size
        return message

    def give_back(self) -> None:
        """Hold nothing of it any more: the request is over."""
        if self._size:
            self._buffers.give_back(self._size, *self._holders)

    def _too_large(self) -> ContentTooLarge:
        return ContentTooLarge(
            f"The body may have at most {self._limit} bytes.", params={"max_bytes": self._limit}
        )
