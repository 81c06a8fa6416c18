"""The floor: what a service in Python on this server and driver costs at least.

A bare ASGI app with the least SQL that the contract needs, which stays as it is whatever Tickbox's
own becomes: no framework, no sign-in, no validation, no limits, no logging. It is told who reads
and who writes when it starts. `/cached` is the list of 20 as bytes out of Redis.
"""

import os
import time
from uuid import UUID

import asyncpg
import orjson
from sqlalchemy import make_url
from starlette.types import Receive, Scope, Send

from app.core.settings import Settings
from app.redis.client import Redis
from benchmarks.serving import serve

PRIORITIES = ("none", "low", "medium", "high", "urgent")
PAGE_KEY = "floor:page"

# A todo as clients get it, from a row of `todos` that is called `t`.
_BODY = """row_to_json((SELECT f FROM (SELECT
    t.id, t.version, t.project_id, t.parent_id, t.title, t.description,
    t.completed_at IS NOT NULL AS completed,
    to_char(t.completed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS completed_at,
    (ARRAY['none', 'low', 'medium', 'high', 'urgent'])[t.priority + 1] AS priority,
    CASE
        WHEN t.due_local IS NULL THEN NULL
        WHEN t.due_all_day THEN json_build_object('date', to_char(t.due_local, 'YYYY-MM-DD'))
        ELSE json_build_object('datetime', to_char(t.due_local, 'YYYY-MM-DD"T"HH24:MI:SS'),
            'timezone', t.due_timezone)
    END AS due,
    CASE WHEN t.recurrence_rrule IS NOT NULL AND t.due_local IS NOT NULL THEN
        json_build_object('rrule', t.recurrence_rrule, 'repeat_from', t.recurrence_from)
    END AS recurrence, t.labels,
    t.position, t.subtask_count, t.completed_subtask_count, t.created_by,
    to_char(t.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
    to_char(t.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS updated_at,
    to_char(t.deleted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS deleted_at
) AS f))"""

# One more than are given tells whether there is another page.
PAGE = f"""
SELECT {_BODY}::text
FROM project_members AS m
JOIN projects AS p ON p.id = m.project_id AND p.deleted_at IS NULL AND NOT p.archived
CROSS JOIN LATERAL (
    SELECT * FROM todos WHERE project_id = p.id AND deleted_at IS NULL
    ORDER BY created_at DESC, id DESC LIMIT 21
) AS t
WHERE m.user_id = $1
ORDER BY t.created_at DESC, t.id DESC LIMIT 21
"""

READ = f"""
SELECT {_BODY}::text
FROM todos AS t
JOIN project_members AS m ON m.project_id = t.project_id AND m.user_id = $1
JOIN projects AS p ON p.id = t.project_id AND p.deleted_at IS NULL
WHERE t.id = $2 AND t.deleted_at IS NULL
"""

CREATE = f"""
WITH t AS (
    INSERT INTO todos (id, project_id, depth, created_by, title, title_key, title_words, priority,
        due_local, due_all_day, position, subtask_count, completed_subtask_count, version,
        created_at, updated_at)
    SELECT uuidv7(), id, 1, $1, $2, $3, $3, $4, $5::text::timestamp, true, $6, 0, 0, 1,
        date_trunc('milliseconds', now()), date_trunc('milliseconds', now())
    FROM projects WHERE created_by = $1 AND is_inbox
    RETURNING *
), doc AS (
    SELECT id, project_id, created_at, {_BODY} AS body FROM t
), change AS (
    INSERT INTO changes (resource_type, resource_id, project_id, actor_id, request_id, event,
        changed, row_after, created_at)
    SELECT 'todo', id, project_id, $1, 'floor', 'todo.created', '{{}}', body::jsonb, created_at
    FROM doc
)
SELECT body::text FROM doc
"""

PATCH = f"""
WITH t AS (
    UPDATE todos AS u
    SET title = $3, title_key = $4, title_words = $4, version = u.version + 1,
        updated_at = greatest(date_trunc('milliseconds', now()), u.updated_at)
    FROM project_members AS m JOIN projects AS p ON p.id = m.project_id
    WHERE u.id = $2 AND u.deleted_at IS NULL AND m.project_id = u.project_id AND m.user_id = $1
        AND m.role IN ('owner', 'editor') AND p.deleted_at IS NULL AND NOT p.archived
    RETURNING u.*, old.title AS title_before
), doc AS (
    SELECT id, project_id, title_before, title, updated_at, {_BODY} AS body FROM t
), change AS (
    INSERT INTO changes (resource_type, resource_id, project_id, actor_id, request_id, event,
        changed, row_after, created_at)
    SELECT 'todo', id, project_id, $1, 'floor', 'todo.updated',
        jsonb_build_object('title', jsonb_build_object('from', title_before, 'to', title)),
        body::jsonb, updated_at
    FROM doc
)
SELECT body::text FROM doc
"""


class Floor:
    """The app; `start()` and `stop()` are its lifespan."""

    def __init__(self, settings: Settings, *, reader: UUID, writer: UUID) -> None:
        assert settings.database_url is not None
        assert settings.redis_url is not None
        self._url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql")
        self._pool_size = settings.database_pool_size
        self._redis = Redis(settings.redis_url.get_secret_value())
        self._reader = reader
        self._writer = writer

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
        await self._redis.run(("SET", PAGE_KEY, await self._page()))

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
                await _answer(send, await self._page())
            case "GET", "/cached":
                [page] = await self._redis.run(("GET", PAGE_KEY))
                await _answer(send, page)
            case "POST", "/v1/todos":
                await _answer(send, await self._create(await _body(receive)), 201)
            case "GET", path:
                body = await self._pool.fetchval(READ, self._reader, UUID(path[10:]))
                await _answer(send, body.encode())
            case _, path:
                await _answer(send, await self._patch(UUID(path[10:]), await _body(receive)))

    async def _page(self) -> bytes:
        rows = await self._pool.fetch(PAGE, self._reader)
        return (
            f'{{"items":[{",".join([row[0] for row in rows[:20]])}],"next_cursor":null}}'.encode()
        )

    async def _create(self, body: bytes) -> bytes:
        todo = orjson.loads(body)
        title, priority, due = todo["title"], todo["priority"], todo["due"]["date"]
        position = f"{time.time_ns():x}"
        return await self._write(
            CREATE, title, title.casefold(), PRIORITIES.index(priority), due, position
        )

    async def _patch(self, todo_id: UUID, body: bytes) -> bytes:
        title = orjson.loads(body)["title"]
        return await self._write(PATCH, todo_id, title, title.casefold())

    async def _write(self, sql: str, *arguments: object) -> bytes:
        async with self._pool.acquire() as connection:
            await connection.execute("BEGIN")
            body: str = await connection.fetchval(sql, self._writer, *arguments)
            await connection.execute("COMMIT")
        return body.encode()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})


async def _leave_as_it_is(_connection: object) -> None:
    """In place of the pool's own reset, which is a round trip after each use."""


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
    """Serve; the environment says who reads and who writes."""
    settings = Settings()
    reader, writer = UUID(os.environ["BENCH_READER"]), UUID(os.environ["BENCH_WRITER"])
    serve(Floor(settings, reader=reader, writer=writer), settings.port)


if __name__ == "__main__":
    main()
