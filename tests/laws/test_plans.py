"""What lists cost where there are many todos: rows that PostgreSQL touches for a page."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import Response
from sqlalchemy import func, select

from app.core.pagination import Cursors, Position
from app.core.settings import Settings
from app.database.statement import Statement
from tests import servers
from tests.apps import Clock, running
from tests.features.todos.many import largest_project, load
from tests.people import Json, Person, sign_up
from tests.plans import plan_of, rows_of, statement_of

LIMIT = 50
# Half as many todos stand before a page in the middle, if there are as many.
FAR = 6_000
# Rows touched for each one that a page may have.
FACTOR = 10

_SORTS = ("created_at", "updated_at", "completed_at", "due", "priority", "title")
_BOTH_WAYS = [sign + name for name in _SORTS for sign in ("", "-")]
_IN_ONE = [*_BOTH_WAYS, "position", "-position"]
_LATE = "2026-11-22T08:00:00%2B01:00"

# What is fast however many todos there are: filters, and the sorts with which they are.
ANYWHERE = {
    "": _BOTH_WAYS,
    "completed=false": [
        "created_at", "-created_at", "completed_at", "-completed_at", "due", "-due", "priority",
        "-priority",
    ],
    "completed=true": ["created_at", "updated_at", "-updated_at", "completed_at", "-completed_at"],
    "parent_id=none": ["created_at", "-updated_at", "due", "-completed_at"],
    "has_due=true": ["due", "-due"],
    "has_due=false": ["due", "-due"],
    "completed=false&has_due=true": ["due", "-due"],
    "completed=false&has_due=false": ["due", "-due"],
    "due_after=2026-11-22": ["due", "-due"],
    "due_before=2025-11-22": ["due", "-due"],
    "due_after=2026-09-01&due_before=2026-12-15&completed=false": ["due", "-due"],
    f"due_after={_LATE}": ["due", "-due"],
    f"due_before={_LATE}": ["due", "-due"],
    "overdue=true": ["due", "-due"],
    "overdue=false": ["-created_at"],
    "updated_since=2026-11-01T00:00:00Z": ["updated_at", "-updated_at"],
    "completed=false&priority=high&priority=urgent": ["-priority"],
}  # fmt: skip
IN_ONE_PROJECT = {
    **ANYWHERE,
    "": _IN_ONE,
    "completed=false": [*ANYWHERE["completed=false"], "position", "-position"],
    "completed=true": _IN_ONE,
    "parent_id=none": _IN_ONE,
}

VIEWS = [
    f"views/{view}sort={sort}"
    for view in ("today?", "upcoming?days=90&", "overdue?")
    for sort in ("due", "-due")
]


@dataclass
class House:
    """Two people with many todos, and how to look at what they cost."""

    app: FastAPI
    database: asyncpg.Connection
    people: dict[str, Person]
    projects: dict[str, UUID]

    async def statement(self, person: Person, url: str) -> tuple[str, list[Any]]:
        """What the app sends to PostgreSQL, and its parameters."""
        return await statement_of(person, url)

    async def deep(self, person: Person, url: str) -> str:
        """The address of a page in the middle."""
        with _cursors() as used:
            sql, arguments = await self.statement(person, url)
        arguments[arguments.index(LIMIT + 1)] = FAR
        rows = await self.database.fetch(f"SELECT sort_key, id FROM ({sql}) AS page", *arguments)
        assert len(rows) > LIMIT // 2, f"{url} finds too little"
        place = Position(*rows[len(rows) // 2])
        [cursors] = used
        return f"{url}&{urlencode({'cursor': cursors.encode(place)})}"

    async def touched(self, person: Person, url: str) -> int:
        """How many rows of todos the list touches."""
        return sum(map(_rows, await self.plan(person, url)))

    async def plan(self, person: Person, url: str) -> list[Json]:
        """The nodes of the plan that the app's connections make for the list."""
        return await plan_of(self.database, *await self.statement(person, url))


@contextmanager
def _cursors() -> Iterator[list[Cursors]]:
    """Those that the app makes for its lists meanwhile."""
    used: list[Cursors] = []
    decode = Cursors.decode

    def noted(cursors: Cursors, cursor: str | None) -> Position | None:
        used.append(cursors)
        return decode(cursors, cursor)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cursors, "decode", noted)
        yield used


def _rows(node: Json) -> int:
    """The rows of todos that a node touches itself."""
    return rows_of(node, "todos")


@pytest.fixture(scope="module")
def large(worker_id: str) -> Iterator[Settings]:
    servers.only_as_superuser("load rows without the triggers of foreign keys")
    with servers.cloned_database(f"tickbox_many_{worker_id}_{os.getpid()}") as name:
        yield servers.settings_for(name)


@pytest.fixture(scope="module")
async def house(large: Settings) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        database = await servers.connect(large.migration_url)
        stack.push_async_callback(database.close)
        changes = {"database_pool_size": 1, "statement_timeout": 60, "cache_seconds": 0}
        app = await stack.enter_async_context(running(large, now=Clock(), **changes))
        names = ("Owner", "Member", "Other")
        people = {who: await stack.enter_async_context(sign_up(app, who)) for who in names}
        await load(database, *people.values())
        mode = Statement(select(func.current_setting("plan_cache_mode")))
        [[used]] = await app.state.database.reading(None).fetch_all(mode)
        await database.execute(f"SET plan_cache_mode = {used}")
        projects = {who: await largest_project(database, people[who]) for who in names[:2]}
        yield House(app, database, people, projects)


def _pairs(supported: dict[str, list[str]]) -> list[str]:
    return [
        "todos?" + "&".join(filter(None, (filters, f"sort={sort}")))
        for filters, sorts in supported.items()
        for sort in sorts
    ]


async def _excess(house: House, person: Person, urls: list[str]) -> list[str]:
    """The lists that touch too much, on the first page or in the middle."""
    wrong = []
    for url in urls:
        for place in (url, await house.deep(person, url)):
            touched = await house.touched(person, place)
            if touched > FACTOR * LIMIT:
                wrong.append(f"{place} touches {touched}")
    return wrong


async def _counted(house: House, by: str) -> tuple[int, int]:
    """How many todos the owner's counts touch, in an index alone and otherwise."""
    nodes = await house.plan(house.people["Owner"], f"counts?by={by}&limit=200")
    alone = [node for node in nodes if node["Node Type"] == "Index Only Scan"]
    in_index = sum(map(_rows, alone))
    return in_index, sum(map(_rows, nodes)) - in_index


async def _slow(house: House, person: Person, query: str) -> Response:
    """The answer, if PostgreSQL takes no more than a moment for a statement."""
    reader = house.app.state.database._reader
    for limit in ("5ms", "60s"):
        connection = await reader.acquire()
        driver = connection.driver_connection
        await driver.execute(f"SET statement_timeout = '{limit}'")
        reader.release(connection)
        if limit == "5ms":
            response = await person.get(f"/v1/todos?{query}")
    return response


@pytest.mark.keeps_session(reason="it sets a limit for the connection, and reads under it")
async def test_a_supported_list_touches_few_todos_and_another_one_ends(house: House) -> None:
    """One test, since what it needs takes long to be made."""
    owner, member = house.people["Owner"], house.people["Member"]
    for who, supported in (("Owner", IN_ONE_PROJECT), ("Member", {"": IN_ONE_PROJECT[""]})):
        assert not await _excess(house, house.people[who], _pairs(ANYWHERE))
        pairs = [f"{pair}&project_id={house.projects[who]}" for pair in _pairs(supported)]
        assert not await _excess(house, house.people[who], pairs)
        assert not await _excess(house, house.people[who], VIEWS)

    # What is open is counted in an index; what is overdue there, and in the table.
    late = (await owner.get("/v1/views/overdue?include_total=true")).json()["total"]
    is_open = (await owner.get("/v1/todos?completed=false&include_total=true")).json()["total"]
    in_index, in_table = await _counted(house, "project")
    assert in_index == is_open
    assert in_table <= 2 * late + FACTOR * LIMIT
    # All labels are counted at once.
    assert sum(await _counted(house, "label")) <= is_open

    # Nothing that this asks for is in the order of an index, and nothing matches.
    query = "sort=title&overdue=false&has_due=true&updated_since=2026-11-22T09:00:01Z"
    for person in (owner, member):
        right = await person.get(f"/v1/todos?{query}&include_total=true")
        assert right.json() == {"items": [], "next_cursor": None, "total": 0}
        response = await _slow(house, person, f"{query}&include_total=true")
        assert (response.status_code, response.json()["code"]) == (503, "database_busy")
        assert response.headers["retry-after"]
