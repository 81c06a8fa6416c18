"""What one request costs the process: the event loop's time, memory, and a connection's.

The loop's time is the CPU time of its thread, callback by callback: what others on the machine do
is not in it. All of it is measured from when the request's bytes are there.
"""

import asyncio
import time
import tracemalloc
from asyncio.events import Handle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from app.database.pool import Pool, PooledConnection

# As much as uvicorn hands over at once.
_CHUNK = 1 << 16

_current: ContextVar["Cost | None"] = ContextVar("current", default=None)


@dataclass
class Cost:
    """Of one request: seconds, and bytes."""

    # Those of its line, its headers and its body, and of its answer's.
    sent: int
    answered: int = 0
    status: int = 0
    # The longest time for which nothing else could run.
    loop: float = 0.0
    # More than before, at the worst moment; 0 where nobody traces.
    memory: int = 0
    # How long it had each connection to PostgreSQL.
    leases: list[float] = field(default_factory=list)

    @property
    def connection(self) -> float:
        """The longest time for which it had one."""
        return max(self.leases, default=0.0)


class Measuring(httpx.AsyncBaseTransport):
    """Asks an app as a server would; each answer has its `Cost` among its extensions."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        content = await request.aread()
        url, headers = request.url, request.headers.raw
        path, _, query = url.raw_path.partition(b"?")
        # httpx escapes a bare percent sign; others do not.
        query = query.replace(b"%25", b"%")
        chunks = [content[at : at + _CHUNK] for at in range(0, len(content), _CHUNK)] or [b""]
        cost = Cost(len(path) + len(query) + len(content) + _size(headers))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": request.method,
            "headers": [(name.lower(), value) for name, value in headers],
            "scheme": "http",
            "path": url.path,
            "raw_path": path,
            "query_string": query,
            "server": ("tickbox", 80),
            "client": ("127.0.0.1", 123),
            "root_path": "",
            "state": {},
        }
        said: list[Any] = []
        chunks.reverse()
        over = asyncio.Event()

        async def receive() -> dict[str, Any]:
            if chunks:
                chunk = chunks.pop()
                return {"type": "http.request", "body": chunk, "more_body": bool(chunks)}
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            said.append(message)

        token = _current.set(cost)
        try:
            task = asyncio.ensure_future(self._app(scope, receive, send))
        finally:
            _current.reset(token)
        with _longest_callback(cost), _peak(cost):
            await task
        over.set()
        body = b"".join(message.get("body", b"") for message in said[1:])
        cost.status = said[0]["status"]
        cost.answered = len(body) + _size(said[0]["headers"])
        return httpx.Response(
            said[0]["status"],
            headers=said[0]["headers"],
            content=body,
            extensions={"cost": cost},
        )


def cost_of(response: httpx.Response) -> Cost:
    cost: Cost = response.extensions["cost"]
    return cost


@contextmanager
def watched_connections(app: FastAPI) -> Iterator[None]:
    """Have each `Cost` tell of the connections that its request had, until the block ends."""
    pools = app.state.database.pools.values()
    acquire, release = Pool.acquire, Pool.release
    since: dict[PooledConnection, tuple[Cost | None, float]] = {}

    async def acquired(pool: Pool, holder: object = None) -> PooledConnection:
        connection = await acquire(pool, holder)
        if pool in pools:
            since[connection] = (_current.get(), time.perf_counter())
        return connection

    def released(pool: Pool, connection: PooledConnection) -> None:
        cost, begun = since.pop(connection, (None, 0.0))
        if cost is not None:
            cost.leases.append(time.perf_counter() - begun)
        release(pool, connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pool, "acquire", acquired)
        patch.setattr(Pool, "release", released)
        yield


@contextmanager
def _longest_callback(cost: Cost) -> Iterator[None]:
    run = Handle._run

    def timed(handle: Handle) -> None:
        begun = time.thread_time()
        try:
            run(handle)
        finally:
            cost.loop = max(cost.loop, time.thread_time() - begun)

    # There is nothing public between the loop and what it calls.
    Handle._run = timed  # type: ignore[assignment,method-assign]
    try:
        yield
    finally:
        Handle._run = run  # type: ignore[method-assign]


@contextmanager
def _peak(cost: Cost) -> Iterator[None]:
    if not tracemalloc.is_tracing():
        yield
        return
    tracemalloc.reset_peak()
    before, cost.memory = tracemalloc.get_traced_memory()
    yield
    cost.memory = _most(cost) - before


def _most(cost: Cost) -> int:
    return max(cost.memory, tracemalloc.get_traced_memory()[1])


def only_what_stays(
    function: Callable[..., Any], kept: Callable[[Any], Any] = lambda result: result
) -> Callable[..., Any]:
    """The same, of whose memory only that counts which `kept` of its result takes afterwards."""

    def call(*args: Any, **kwargs: Any) -> Any:
        cost = _current.get()
        if cost is None or not tracemalloc.is_tracing():
            return function(*args, **kwargs)
        cost.memory = _most(cost)
        try:
            return kept(function(*args, **kwargs))
        finally:
            tracemalloc.reset_peak()

    return call


def as_written(content: bytes) -> bytes:
    """The same bytes, in no more memory than they need."""
    return bytes(bytearray(content))


def _size(headers: list[tuple[bytes, bytes]]) -> int:
    return sum(len(name) + len(value) + 4 for name, value in headers)
