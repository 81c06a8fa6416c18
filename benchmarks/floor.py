"""The floor: what a service in Python on this server, driver and SQL costs at least.

A bare ASGI app on the server and the statements of Tickbox, with BEGIN and COMMIT where Tickbox
has them: no framework, no sign-in, no validation, no limits, no logging. It is told who reads and
who writes when it starts. `/cached` is the list of 20 as bytes out of Redis.
"""

import os
import time
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import asyncpg
import orjson
from redis.asyncio import Redis
from sqlalchemy import make_url
from starlette.types import Receive, Scope, Send

from app.core.clock import new_id, utc_now
from app.core.settings import Settings
from app.database.statement import Statement
from app.database.versions import Expected
from app.features.todos import queries, writes
from app.features.todos.models import PRIORITIES
from app.server.listeners import bind
from app.server.run import run
from app.web.dependencies import Lifecycle

LIMIT = 20
PAGE = queries.page("-created_at", frozenset(), is_first=True, with_total=False)
PATCH_TITLE = writes.patch(frozenset({"title"}))
KEYS = ("floor:version", "floor:page")

Params = dict[str, Any]


class Floor:
    """The app; `start()` and `stop()` are its lifespan."""

    def __init__(self, settings: Settings, *, reader: UUID, writer: UUID) -> None:
        self._settings = settings
        self._reader: Params = {"principal_id": reader, "principal_project_id": None}
        self._writer: Params = {
            "principal_id": writer,
            "principal_project_id": None,
            "actor_id": writer,
            "request_id": "floor",
        }
        # What Tickbox's server asks of an app at the end.
        self.state = SimpleNamespace(lifecycle=Lifecycle())

    async def start(self) -> None:
        """Open the pools, all of their connections, and store the page that `/cached` gives."""
        settings = self._settings
        assert settings.database_url is not None
        assert settings.redis_url is not None
        url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
        self._pool = await asyncpg.create_pool(
            url.render_as_string(hide_password=False),
            min_size=settings.database_pool_size,
            max_size=settings.database_pool_size,
            max_queries=2**31,  # connections are kept
            max_inactive_connection_lifetime=0,
            reset=_leave_as_it_is,
            server_settings={
                "timezone": "UTC",
                "jit": "off",
                "plan_cache_mode": "force_generic_plan",
            },
        )
        self._redis = Redis.from_url(settings.redis_url.get_secret_value(), socket_timeout=2)
        await self._redis.mset(dict(zip(KEYS, (b"1", await self._page()), strict=True)))

    async def stop(self) -> None:
        """Close the pools."""
        await self._pool.close()
        await self._redis.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; its path is one of those that the benchmark asks for."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        match scope["method"], scope["path"]:
            case "GET", "/livez":
                await _answer(send, b'{"status":"alive"}')
            case "GET", "/v1/todos":
                await _answer(send, await self._page())
            case "GET", "/cached":
                await _answer(send, await self._cached())
            case "POST", "/v1/todos":
                await _answer(send, await self._create(orjson.loads(await _body(receive))), 201)
            case "GET", path:
                await _answer(send, await self._read(UUID(path[10:])))
            case _, path:
                patch = orjson.loads(await _body(receive))
                await _answer(send, await self._patch(UUID(path[10:]), patch))

    async def _page(self) -> bytes:
        params = {**self._reader, "limit": LIMIT + 1}
        rows = await self._pool.fetch(PAGE.sql, *PAGE.arguments(params))
        items = ",".join([row["body"] for row in rows[:LIMIT]])
        return f'{{"items":[{items}],"next_cursor":null}}'.encode()

    async def _cached(self) -> bytes:
        _version, page = await self._redis.mget(KEYS)
        assert isinstance(page, bytes)
        return page

    async def _read(self, todo_id: UUID) -> bytes:
        params = {**self._reader, "id": todo_id}
        row = await self._pool.fetchrow(queries.READ.sql, *queries.READ.arguments(params))
        return _text(row)

    async def _create(self, todo: Params) -> bytes:
        return await self._write(
            writes.CREATE_IN_INBOX,
            {
                **self._writer,
                "id": new_id(),
                "title": todo["title"],
                "title_key": todo["title"].casefold(),
                "title_words": todo["title"].casefold(),
                "description": None,
                "description_words": None,
                "priority": PRIORITIES.index(todo["priority"]),
                "completed": False,
                "due_local": todo["due"]["date"],
                "due_all_day": True,
                "due_timezone": None,
                "due_at": None,
                "due_rules": 0,
                "position": f"{time.time_ns():x}",
                "quota": 1_000_000_000,
                "now": utc_now(),
            },
        )

    async def _patch(self, todo_id: UUID, patch: Params) -> bytes:
        return await self._write(
            PATCH_TITLE,
            {
                **self._writer,
                "id": todo_id,
                "title": patch["title"],
                "title_key": patch["title"].casefold(),
                "title_words": patch["title"].casefold(),
                **Expected().params(),
                "now": utc_now(),
            },
        )

    async def _write(self, statement: Statement, params: Params) -> bytes:
        async with self._pool.acquire() as connection:
            await connection.execute("BEGIN")
            row = await connection.fetchrow(statement.sql, *statement.arguments(params))
            await connection.execute("COMMIT")
        return _text(row)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


async def _leave_as_it_is(_connection: object) -> None:
    """In place of the pool's own reset, which is a round trip after each use."""


def _text(row: asyncpg.Record | None) -> bytes:
    assert row is not None
    body: str = row["body"]
    return body.encode()


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


async def _answer(send: Send, body: bytes, status: int = 200) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve as Tickbox does, with the same server and the same flags."""
    settings = Settings()
    app = Floor(
        settings,
        reader=UUID(os.environ["BENCH_READER"]),
        writer=UUID(os.environ["BENCH_WRITER"]),
    )
    with bind(settings) as listener:
        run(lambda: app, settings, listener)


if __name__ == "__main__":
    main()
