"""What a request costs: its round trips, to PostgreSQL a statement each, and to Redis."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any

import pytest
from asyncpg.connection import LoggedQuery
from asyncpg.prepared_stmt import PreparedStatement
from fastapi import FastAPI

from app.database.pool import Pool, PooledConnection
from app.redis.connection import HEARTBEAT, Command

_sent: ContextVar[list[str] | None] = ContextVar("sent", default=None)


@asynccontextmanager
async def statements(app: FastAPI) -> AsyncIterator[list[str]]:
    """The SQL that the driver sends on behalf of this task, in order, until the block ends.

    What others send meanwhile is not counted. A new connection asks for more, such as what a type
    is, and prepares each statement once: for what a request costs day by day, give the app a pool
    of one connection, and make the request before.
    """
    database = app.state.database
    acquire = Pool.acquire

    async def logged(pool: Pool, holder: object = None) -> PooledConnection:
        connection = await acquire(pool, holder)
        if pool in (database._writer, database._reader):
            # Once a connection: the driver keeps its loggers in a set.
            connection.driver_connection.add_query_logger(_note_logged)
        return connection

    sent: list[str] = []
    token = _sent.set(sent)
    try:
        with pytest.MonkeyPatch.context() as patch, _unnamed():
            patch.setattr(Pool, "acquire", logged)
            yield sent
            await asyncio.sleep(0)  # the driver tells of its last statement in the next turn
    finally:
        _sent.reset(token)


@contextmanager
def _unnamed() -> Iterator[None]:
    """Note each statement that is not to stay prepared; the driver's loggers do not tell of it."""
    fetch = PreparedStatement.fetch

    async def noted(statement: Any, *arguments: Any, **options: Any) -> Any:
        rows = await fetch(statement, *arguments, **options)
        # In the next turn, as the driver tells of others.
        asyncio.get_running_loop().call_soon(_note, statement.get_query())
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PreparedStatement, "fetch", noted)
        yield


@contextmanager
def redis_calls(app: FastAPI) -> Iterator[list[list[str]]]:
    """The names of the commands that go to Redis, one list a round trip, until the block ends."""
    connection = app.state.redis._connection
    ask = connection.ask
    calls: list[list[str]] = []

    def noted(commands: Sequence[Command]) -> Any:
        if HEARTBEAT not in commands:  # whether it is there is asked after each pause
            calls.append([str(command[0]) for command in commands])
        return ask(commands)

    connection.ask = noted
    try:
        yield calls
    finally:
        del connection.ask


def _note_logged(query: LoggedQuery) -> None:
    _note(query.query)


def _note(sql: str) -> None:
    """Called in the context of the task that ran the statement."""
    sent = _sent.get()
    if sent is not None:
        sent.append(sql)
