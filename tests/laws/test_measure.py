"""The laws' tests see what they are there to see."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from fastapi import FastAPI
from httpx import AsyncClient
from starlette.types import Receive, Scope, Send

from app.database.unit_of_work import Database
from tests.laws.inputs import inputs
from tests.laws.measure import Cost, Measuring, cost_of
from tests.web.operations import OPERATIONS

BUSY = 0.03
LARGE = 5 << 20


@pytest.fixture
async def cost(app: FastAPI) -> AsyncIterator[Cost]:
    """Of a request to an app that does each thing that is forbidden."""
    database: Database = app.state.database

    async def dear(scope: Scope, receive: Receive, send: Send) -> None:
        pool = database.pools["primary"]
        connection = await pool.acquire()
        await asyncio.sleep(0)
        until = time.thread_time() + BUSY
        while time.thread_time() < until:
            pass
        await asyncio.sleep(0)
        pool.release(connection)
        assert len(bytes(LARGE)) == LARGE
        await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
        await send({"type": "http.response.body", "body": b"12345"})

    tracemalloc.start()
    async with AsyncClient(transport=Measuring(dear), base_url="http://tickbox") as client:
        yield cost_of(await client.post("/", content=b"x" * 100_000))
    tracemalloc.stop()


async def test_each_cost_is_seen(cost: Cost) -> None:
    assert BUSY <= cost.loop < 10 * BUSY
    assert LARGE <= cost.memory < 2 * LARGE
    assert cost.connection >= BUSY
    assert 100_000 < cost.sent < 101_000
    assert cost.answered == 11


def test_an_operation_that_takes_something_new_fails() -> None:
    operation = next(one for one in OPERATIONS if one.contents)
    body = {"content": {"text/calendar": {"schema": {"type": "string"}}}}
    new = replace(operation, definition={**operation.definition, "requestBody": body})
    with pytest.raises(AssertionError, match="no dear bodies"):
        next(inputs(new, 0))
