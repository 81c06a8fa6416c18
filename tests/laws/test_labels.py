"""Labels that 20, 10,000, half or all of 100,000 todos have: lists by them, and new names."""

import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from itertools import pairwise

import asyncpg
import pytest

from app.core.settings import Settings
from tests import servers
from tests.apps import Clock, running
from tests.features.todos.many import largest_project, load
from tests.laws.test_plans import LIMIT, House
from tests.people import Person, sign_up

# So many times a page without the filter.
_TIMES = 3
# Rows touched for each that a page may have: 20 are read, twice where nulls are last, before the
# index is asked, which gives 2,000 at most.
_FACTOR = 100
# Seconds in which 10,000 todos get a new name; on a slow PostgreSQL, so many times what it needs
# to update the rows alone, without their changes.
_SECONDS, _TIMES_ALONE = 3, 3
_TRIES = 8

_LABEL = """
WITH counted AS (
    SELECT todos.id, row_number() OVER (ORDER BY md5(todos.id::text)) AS n
    FROM todos JOIN project_members m ON m.project_id = todos.project_id AND m.role = 'owner'
    WHERE m.user_id = $1
), named AS (
    SELECT id, array_remove(ARRAY['all', CASE WHEN n % 2 = 0 THEN 'half' END,
        CASE WHEN n % 5000 = 1 THEN 'rare' END, CASE WHEN n % 10 = 0 THEN 'tenth' END], NULL) AS l
    FROM counted
)
UPDATE todos SET labels = l, label_keys = l FROM named WHERE named.id = todos.id
"""
_UPDATE = "UPDATE todos SET updated_at = now() WHERE labels @> ARRAY[$1]"
_COUNT = "SELECT count(*) FROM todos WHERE labels @> ARRAY[$1] AND version = $2"


@pytest.fixture(scope="module")
def large(worker_id: str) -> Iterator[Settings]:
    servers.only_as_superuser("load rows without the triggers of foreign keys")
    with servers.cloned_database(f"tickbox_labels_{worker_id}_{os.getpid()}") as name:
        yield servers.settings_for(name)


@pytest.fixture(scope="module")
async def house(large: Settings) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        database = await servers.connect(large.migration_url)
        stack.push_async_callback(database.close)
        changes = {"database_pool_size": 1, "cache_seconds": 0}
        app = await stack.enter_async_context(running(large, now=Clock(), **changes))
        names = ("Owner", "Member", "Other")
        people = {who: await stack.enter_async_context(sign_up(app, who)) for who in names}
        await load(database, *people.values())
        await database.execute("SET session_replication_role = replica")
        await database.execute(_LABEL, people["Owner"].id)
        await database.execute("RESET session_replication_role")
        await database.execute("VACUUM (FULL, ANALYZE) todos")
        await database.execute("SET plan_cache_mode = force_generic_plan")
        for name in ("all", "half", "rare", "tenth"):
            await people["Owner"].make_label(name)
        projects = {"Owner": await largest_project(database, people["Owner"])}
        yield House(app, database, people, projects)


async def _seconds(person: Person, query: str) -> float:
    """For a page, at best."""
    costs = []
    for _ in range(_TRIES):
        begun = time.perf_counter()
        assert (await person.get(f"/v1/todos?{query}")).status_code == 200
        costs.append(time.perf_counter() - begun)
    return min(costs)


_QUERIES = [
    "sort=-created_at",
    "completed=false&sort=-created_at",
    "completed=false&sort=due",
    "completed=false&sort=-due",
    "completed=true&sort=-updated_at",
    "parent_id=none&sort=due",
    "sort=title",
]


@pytest.mark.keeps_session(reason="it plans what the app's connections plan")
@pytest.mark.parametrize("label", ["rare", "half", "nobody's"])
@pytest.mark.parametrize("place", ["everywhere", "one project"])
async def test_a_page_costs_at_most_three_times_that_of_all(
    house: House, label: str, place: str
) -> None:
    owner, wrong = house.people["Owner"], []
    where = f"&project_id={house.projects['Owner']}" if place == "one project" else ""
    for query in (query + where for query in _QUERIES):
        labelled = f"{query}&label={label}"
        touched = await house.touched(owner, f"todos?{labelled}")
        if touched > _FACTOR * LIMIT:
            wrong.append(f"{labelled} touches {touched}")
        for _ in range(3):
            without, with_label = await _seconds(owner, query), await _seconds(owner, labelled)
            if with_label <= _TIMES * without:
                break
        else:
            wrong.append(f"{labelled} takes {with_label:.4f} s, and without {without:.4f}")
    assert wrong == []


async def _rename(person: Person, name: str, new: str) -> float:
    labels = await person.walk("/v1/labels")
    [label] = [label for label in labels if label["name"] == name]
    begun = time.perf_counter()
    answer = await person.client.patch(f"/v1/labels/{label['id']}", json={"name": new})
    assert answer.status_code == 200, answer.text
    return time.perf_counter() - begun


async def test_a_label_on_ten_thousand_is_renamed_soon(house: House) -> None:
    names = ["tenth", "TENTH", "tithe", "tenth"]
    seconds, alone = [], []
    for pair in pairwise(names):
        seconds.append(await _rename(house.people["Owner"], *pair))
        begun = time.perf_counter()
        await house.database.execute(_UPDATE, pair[1])
        alone.append(time.perf_counter() - begun)
    assert await house.database.fetchval(_COUNT, "tenth", 4) == 10_000
    assert min(seconds) < max(_SECONDS, _TIMES_ALONE * min(alone)), (seconds, alone)


async def test_a_label_on_all_is_renamed_in_one_transaction(
    house: House, database: asyncpg.Connection
) -> None:
    """Each statement within its timeout."""
    await _rename(house.people["Owner"], "all", "every")
    said = "SELECT count(*) FROM changes WHERE changed ? 'labels' AND row_after->'labels' ? 'every'"
    assert await house.database.fetchval(said) == 100_000
    assert await house.database.fetchval("SELECT count(*) FROM todos WHERE labels @> '{all}'") == 0
