"""The floor: what a service in Python on this server and driver costs at least.

A bare ASGI app with the least SQL that the contract needs, which stays as it is whatever Tickbox's
own becomes (`floor_sql.py`): no framework, no sign-in, no validation, no limits, no logging. It is
told who is who when it starts. `/cached` is the list of 20 as bytes out of Redis, and `/labelled`
the one by label.
"""

import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, get_args
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import make_url
from starlette.types import Receive, Scope, Send

from app.core.settings import Settings
from app.redis.client import Redis
from benchmarks import floor_sql as sql
from benchmarks.cases import Sender
from benchmarks.serving import serve

PRIORITIES = ("none", "low", "medium", "high", "urgent")
PAGE_KEY = "floor:page"
_Connection = asyncpg.pool.PoolConnectionProxy


class Floor:
    """The app; `start()` and `stop()` are its lifespan."""

    def __init__(self, settings: Settings, people: Mapping[Sender, UUID]) -> None:
        assert settings.database_url is not None
        assert settings.redis_url is not None
        self._url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
        self._pool_size = settings.database_pool_size
        self._redis = Redis(settings.redis_url.get_secret_value())
        self._people = people

    async def start(self) -> None:
        """Open the pools, all of their connections, and store the page that `/cached` gives."""
        self._pool = await asyncpg.create_pool(
            self._url.render_as_string(hide_password=False),
            min_size=self._pool_size,
            max_size=self._pool_size,
            max_queries=2**31,  # connections are kept
            max_inactive_connection_lifetime=0,
            reset=_leave_as_it_is,
            server_settings={
                "timezone": "UTC",
                "jit": "off",
                "plan_cache_mode": "force_generic_plan",
            },
        )
        await self._redis.start()
        await self._redis.run(("SET", PAGE_KEY, await self._page(sql.PAGE, "reader")))

    async def stop(self) -> None:
        """Close the pools."""
        await self._pool.close()
        await self._redis.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request; its path is one of those that the benchmark asks for."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        match scope["method"], scope["path"]:
            case "GET", "/livez":
                await _answer(send, b'{"status":"alive"}')
            case "GET", "/v1/todos":
                await _answer(send, await self._page(sql.PAGE, "reader"))
            case "GET", "/labelled":
                await _answer(send, await self._page(sql.LABELLED_PAGE, "labeller"))
            case "GET", "/cached":
                [page] = await self._redis.run(("GET", PAGE_KEY))
                await _answer(send, page)
            case "GET", path:
                found = await self._pool.fetchval(sql.READ, self._people["reader"], _id(path))
                await _answer(send, found.encode())
            case "POST", "/v1/todos":
                await _answer(send, await self._create(orjson.loads(await _body(receive))), 201)
            case "POST", path:
                await _body(receive)
                await _answer(send, await self._move(_id(path)))
            case _, path:
                body = orjson.loads(await _body(receive))
                change = self._patch if "title" in body else self._complete
                await _answer(send, await change(_id(path), body))

    async def _page(self, statement: str, sender: Sender) -> bytes:
        rows = await self._pool.fetch(statement, self._people[sender])
        return (
            f'{{"items":[{",".join([row[0] for row in rows[:20]])}],"next_cursor":null}}'.encode()
        )

    async def _create(self, todo: dict[str, Any]) -> bytes:
        title, priority = todo["title"], PRIORITIES.index(todo["priority"])
        position = f"{time.time_ns():x}"
        async with self._writing("writer") as (connection, writer):
            if "labels" not in todo:
                due = title, title.casefold(), priority, todo["due"]["date"], position
                return await _changed(connection, sql.CREATE, writer, *due)
            keys = [name.casefold() for name in todo["labels"]]
            labels = await connection.fetch(sql.HOLD_LABELS, writer, keys)
            names = [label["name"] for label in labels]
            values = title, title.casefold(), priority, names, keys, position
            return await _changed(connection, sql.CREATE_LABELLED, writer, *values)

    async def _patch(self, todo_id: UUID, body: dict[str, Any]) -> bytes:
        title = body["title"]
        async with self._writing("writer") as (connection, writer):
            return await _changed(connection, sql.PATCH, writer, todo_id, title, title.casefold())

    async def _complete(self, todo_id: UUID, _body: dict[str, Any]) -> bytes:
        async with self._writing("repeater") as (connection, repeater):
            due = await connection.fetchval(sql.LOCK, repeater, todo_id)
            following = (due + timedelta(days=1)).isoformat()
            return await _changed(connection, sql.COMPLETE, repeater, todo_id, following)

    async def _move(self, todo_id: UUID) -> bytes:
        async with self._writing("writer") as (connection, writer):
            await connection.fetchval(sql.LOCK, writer, todo_id)
            position = f"{2**62 - time.time_ns():x}"
            return await _changed(connection, sql.MOVE, writer, todo_id, position)

    @asynccontextmanager
    async def _writing(self, sender: Sender) -> AsyncIterator[tuple[_Connection, UUID]]:
        async with self._pool.acquire() as connection:
            await connection.execute("BEGIN")
            yield connection, self._people[sender]
            await connection.execute("COMMIT")

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


async def _leave_as_it_is(_connection: object) -> None:
    """In place of the pool's own reset, which is a round trip after each use."""


async def _changed(connection: _Connection, statement: str, *arguments: object) -> bytes:
    body: str = await connection.fetchval(statement, *arguments)
    return body.encode()


def _id(path: str) -> UUID:
    return UUID(path.split("/")[3])


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
    """Serve; the environment says who sends what."""
    settings = Settings()
    people = {name: UUID(os.environ[f"BENCH_{name.upper()}"]) for name in get_args(Sender)}
    serve(Floor(settings, people), settings.port)


if __name__ == "__main__":
    main()
