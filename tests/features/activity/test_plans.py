"""What the first page of activity costs: as much among many changes as among few."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import func, select

from app.core.settings import Settings
from app.database.statement import Statement
from tests import servers
from tests.apps import running
from tests.people import Json, Person, share, sign_up
from tests.plans import plan_of, rows_of, statement_of

LIMIT = 50
FEW, MANY = 200, 5_000

# Copies of the first change of a row in a project.
_COPY = """
INSERT INTO changes (resource_type, resource_id, project_id, actor_id, request_id, event, changed,
    row_after, created_at)
SELECT resource_type, resource_id, project_id, actor_id, request_id, event, changed, row_after,
    created_at
FROM (SELECT * FROM changes WHERE resource_id = $1 AND project_id = $2 ORDER BY id LIMIT 1) one,
    generate_series(1, $3)
"""


class House:
    """A todo that came from a project that Bob does not see, among much else."""

    def __init__(self, database: asyncpg.Connection, ada: Person, bob: Person) -> None:
        self._database = database
        self._ada = ada
        self._bob = bob
        # In the order in which they happen: what Bob does not see is the newest.
        self._happened: list[tuple[str, str]] = []
        self.urls: list[str] = []

    async def build(self) -> None:
        ada = self._ada
        seen, unseen, apart = [await ada.make_project(name) for name in ("Seen", "Not", "Apart")]
        await share(self._database, seen, self._bob)
        todo = await ada.make_todo(project_id=unseen["id"])
        said = [await ada.make_comment(todo)]
        move = {"last": True, "project_id": seen["id"]}
        assert (await ada.client.post(f"/v1/todos/{todo['id']}/move", json=move)).is_success
        said.append(await ada.make_comment(todo))
        beside = await ada.make_todo(project_id=seen["id"])
        other = await ada.make_todo(project_id=apart["id"])
        rows: list[tuple[Json, Json]] = [
            (todo, seen), (said[1], seen), (beside, seen), (other, apart),
            (todo, unseen), (said[0], unseen),
        ]  # fmt: skip
        self._happened = [(row["id"], project["id"]) for row, project in rows]
        self.urls = [f"todos/{todo['id']}/activity", f"projects/{seen['id']}/activity"]

    async def happen(self, count: int) -> None:
        """All of it, so many times more."""
        for row, project in self._happened:
            await self._database.execute(_COPY, UUID(row), UUID(project), count)
        await self._database.execute("ANALYZE changes")

    async def cost(self, person: Person, url: str) -> tuple[int, int]:
        """The changes that a page touches, and the pages of PostgreSQL's."""
        nodes = await plan_of(self._database, *await statement_of(person, url))
        blocks = nodes[0]["Shared Hit Blocks"] + nodes[0]["Shared Read Blocks"]
        return sum(rows_of(node, "changes") for node in nodes), blocks


@pytest.fixture
def alone(worker_id: str) -> Iterator[Settings]:
    with servers.cloned_database(f"tickbox_activity_{worker_id}_{os.getpid()}") as name:
        yield servers.settings_for(name)


@pytest.fixture
async def house(alone: Settings) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        database = await servers.connect(alone.migration_url)
        stack.push_async_callback(database.close)
        app = await stack.enter_async_context(running(alone, database_pool_size=1, cache_seconds=0))
        mode = Statement(select(func.current_setting("plan_cache_mode")))
        [row] = await app.state.database.reading(None).fetch_all(mode)
        await database.execute(f"SET plan_cache_mode = {row[0]}")
        ada, bob = [await stack.enter_async_context(sign_up(app, who)) for who in ("Ada", "Bob")]
        built = House(database, ada, bob)
        await built.build()
        yield built


async def test_the_first_page_costs_the_same_among_many_changes(house: House) -> None:
    await house.happen(FEW)
    people = (house._ada, house._bob)
    asked = [(person, url) for person in people for url in house.urls]
    few = [await house.cost(person, url) for person, url in asked]
    await house.happen(MANY)
    many = [await house.cost(person, url) for person, url in asked]
    for before, after in zip(few, many, strict=True):
        assert after[0] <= min(2 * before[0], 6 * LIMIT), (few, many)
        assert after[1] <= 2 * before[1], (few, many)


async def test_a_page_far_behind_costs_what_the_first_one_does(house: House) -> None:
    await house.happen(MANY)
    for url in house.urls:
        first = await house.cost(house._bob, url)
        cursor = (await house._bob.get(f"/v1/{url}?limit=200")).json()["next_cursor"]
        for _ in range(10):
            page = await house._bob.get(f"/v1/{url}?limit=200&cursor={cursor}")
            cursor = page.json()["next_cursor"]
        far = await house.cost(house._bob, f"{url}?cursor={cursor}")
        assert far[0] <= 2 * first[0]
        assert far[1] <= 2 * first[1]
