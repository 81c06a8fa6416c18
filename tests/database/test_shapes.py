"""Statements of many shapes: few are prepared, the frequent ones, and nobody waits for another."""

import asyncio
import threading
from collections.abc import AsyncIterator
from itertools import combinations
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from sqlalchemy import Integer, bindparam, column, literal_column, select, table

from app.core.settings import Settings
from app.database.pool import STATEMENT_CACHE_SIZE
from app.database.shapes import CHOSEN_EVERY, MOST_KNOWN, MOST_PREPARED, Shapes
from app.database.statement import Statement
from app.database.unit_of_work import Database
from tests.apps import running
from tests.people import Person, sign_up
from tests.shapes import fresh

ANYBODY = "anybody"


def build(number: int) -> Statement:
    return Statement(select(literal_column(str(number)), bindparam("x", type_=Integer)))


async def use(shapes: Shapes, number: int, times: int = 1) -> Statement:
    for _ in range(times):
        statement = await shapes.statement(ANYBODY, build, number)
    return statement


@pytest.fixture
async def data(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.model_copy(update={"database_pool_size": 1}))
    yield database
    await database.close()


async def prepared(data: Database) -> list[str]:
    """What is prepared on the only connection, of these shapes."""
    connection = await data._writer.acquire()
    rows = await connection.driver_connection.fetch("SELECT statement FROM pg_prepared_statements")
    data._writer.release(connection)
    return [sql for [sql] in rows if sql.startswith("SELECT ") and "AS anon_1" in sql]


async def test_each_is_compiled_beside_the_event_loop_and_once() -> None:
    threads: list[int] = []
    shapes = Shapes()

    def noted(number: int, *, more: bool) -> Statement:
        threads.append(threading.get_ident())
        return build(number)

    async def one(*, more: bool) -> Statement:
        return await shapes.statement(ANYBODY, noted, 1, more=more)

    # At once, and one after the other.
    statements = [*await asyncio.gather(*(one(more=True) for _ in range(3))), await one(more=True)]
    other = await one(more=False)

    assert len({id(statement) for statement in statements}) == 1
    assert other is not statements[0]
    assert len(threads) == 2
    assert threading.get_ident() not in threads


async def test_whoever_asks_for_many_new_ones_keeps_nobody_waiting() -> None:
    order: list[tuple[str, int]] = []
    shapes = Shapes()

    def noted(who: str, number: int) -> Statement:
        order.append((who, number))
        return build(number)

    async def ask(who: str, number: int) -> None:
        await shapes.statement(who, noted, who, number)

    await asyncio.gather(*(ask("ada", n) for n in range(50)), ask("bob", 0))
    assert order.index(("bob", 0)) <= 2


async def test_one_that_gives_up_leaves_it_to_those_who_wait() -> None:
    shapes = Shapes()
    first = asyncio.create_task(use(shapes, 1))
    second = asyncio.create_task(use(shapes, 1))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).is_prepared
    assert await use(shapes, 2) is not await second


async def test_frequent_ones_stay_however_many_others_come() -> None:
    shapes = Shapes()
    # The first ones are taken for frequent until it is known.
    early = [await use(shapes, number) for number in range(1_000, 1_000 + MOST_PREPARED)]
    assert all(statement.is_prepared for statement in early)
    frequent = [await use(shapes, number, times=20) for number in range(MOST_PREPARED)]
    for number in range(2_000, 2_000 + CHOSEN_EVERY):
        await use(shapes, number)
    assert all(statement.is_prepared for statement in frequent)
    assert not any(statement.is_prepared for statement in early)
    for number in range(4_000, 4_000 + CHOSEN_EVERY // 2):
        assert not (await use(shapes, number, times=2)).is_prepared
    assert all(statement.is_prepared for statement in frequent)
    assert frequent == [await use(shapes, number) for number in range(MOST_PREPARED)]


async def test_what_is_known_is_bounded() -> None:
    shapes = Shapes()
    first = [await use(shapes, number) for number in range(MOST_KNOWN)]
    await use(shapes, MOST_KNOWN)
    assert len(shapes._known) == MOST_KNOWN
    # What is prepared stays, and of others the one that was used longest ago goes.
    assert await use(shapes, 0) is first[0]
    assert await use(shapes, MOST_PREPARED + 1) is first[MOST_PREPARED + 1]
    assert await use(shapes, MOST_PREPARED) is not first[MOST_PREPARED]


async def test_what_was_frequent_once_makes_way() -> None:
    shapes = Shapes()
    old = [await use(shapes, number, times=200) for number in range(MOST_PREPARED)]
    new = await use(shapes, 1_000)
    assert not new.is_prepared
    # Counts are halved again and again, and the old ones are used no more.
    await use(shapes, 1_000, times=2 * CHOSEN_EVERY)
    assert new.is_prepared
    assert [statement.is_prepared for statement in old].count(False) == 1


@pytest.mark.keeps_session(reason="nothing is prepared otherwise")
async def test_a_connection_keeps_the_frequent_ones_and_no_more(data: Database) -> None:
    shapes = Shapes()
    for number in range(MOST_PREPARED + 20):
        [row] = await data.primary.fetch_all(await use(shapes, number), x=7)
        assert tuple(row) == (number, 7)
    assert len(await prepared(data)) == MOST_PREPARED

    # Others are frequent in their place.
    for _ in range(2):
        for number in range(2_000, 2_000 + MOST_PREPARED):
            statement = await use(shapes, number, times=CHOSEN_EVERY // MOST_PREPARED + 1)
            [row] = await data.primary.fetch_all(statement, x=7)
            assert tuple(row) == (number, 7)
    # The driver keeps what was frequent before until it has too many.
    found = await prepared(data)
    assert any("2031" in sql for sql in found)
    assert len(found) <= 2 * MOST_PREPARED < STATEMENT_CACHE_SIZE


@pytest.mark.keeps_session(reason="nothing is prepared otherwise")
async def test_one_whose_columns_changed_is_prepared_anew(data: Database) -> None:
    name = f"changing_{uuid4().hex}"
    connection = await data._writer.acquire()
    run = connection.driver_connection.execute
    await run(f"CREATE TEMP TABLE {name} AS SELECT 1 AS one")
    data._writer.release(connection)

    def of_table() -> Statement:
        return Statement(select(column("one")).select_from(table(name)))

    statement = await Shapes().statement(ANYBODY, of_table)
    assert [tuple(row) for row in await data.primary.fetch_all(statement)] == [(1,)]
    await run(f"ALTER TABLE {name} ALTER one TYPE text")
    assert [tuple(row) for row in await data.primary.fetch_all(statement)] == [("1",)]


_FILTERS = (
    "completed=false", "priority=high", "has_due=true", "overdue=false", "parent_id=none",
    "due_after=2026-11-22", "due_before=2026-12-22", "updated_since=2026-11-22T09:00:00Z",
)  # fmt: skip
_SORTS = ("created_at", "-updated_at", "due", "-title", "priority", "-completed_at")
MIB = 1024 * 1024


def _urls() -> list[str]:
    """Lists of a hundred shapes, of each kind."""
    filters = [some for size in (2, 3) for some in combinations(_FILTERS, size)]
    todos = [
        f"/v1/todos?limit=1&sort={_SORTS[number % len(_SORTS)]}&{'&'.join(some)}"
        for number, some in enumerate(filters)
    ]
    searches = [f"{url}&q=train&include_total=true" for url in todos[:12]]
    projects = [
        f"/v1/projects?sort={sort}{parent}{total}"
        for sort in ("position", "-position", "created_at")
        for parent in ("", "&parent_id=none")
        for total in ("", "&include_total=true")
    ]
    return [*todos, *searches, *projects]


@pytest.fixture
async def small(settings: Settings) -> AsyncIterator[tuple[FastAPI, Person]]:
    with fresh():
        async with (
            running(settings, database_pool_size=1, cache_seconds=0) as app,
            sign_up(app, "Eve") as eve,
        ):
            yield app, eve


@pytest.mark.keeps_session(reason="nothing is prepared otherwise")
async def test_however_many_lists_are_asked_for_a_backend_stays_small(
    small: tuple[FastAPI, Person],
) -> None:
    app, eve = small

    async def seen() -> tuple[Any, ...]:
        pool = app.state.database.pools["primary"]
        connection = await pool.acquire()
        row = await connection.driver_connection.fetchrow(
            "SELECT (SELECT sum(total_bytes) FROM pg_backend_memory_contexts), "
            "(SELECT count(*) FROM pg_prepared_statements "
            "WHERE statement LIKE '%AS sort_key%' AND statement NOT LIKE '%pg_backend%')"
        )
        pool.release(connection)
        return tuple(row)

    urls = _urls()
    assert len(urls) > 3 * MOST_PREPARED
    for url in urls:
        response = await eve.get(url)
        assert response.status_code == 200, response.text
    size, lists = await seen()
    assert 0 < lists <= MOST_PREPARED
    # Each of these takes about 0.5 MiB, and the unnamed one and the catalogue take some too.
    assert size < (MOST_PREPARED + 8) * MIB
