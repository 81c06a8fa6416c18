"""What is in the trash too long is purged by the sweep, and by nobody."""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from app.core.clock import utc_now
from app.core.settings import Settings
from app.database.unit_of_work import Database
from app.features.trash.backfill import backfill_deletions
from app.sweeps import SWEEPS
from tests.features.trash.trashing import (
    events,
    is_there,
    lasting,
    read,
    restore,
    trash,
    trashed,
)
from tests.people import Person


async def sweep(settings: Settings, now: datetime, name: str = "the trash") -> int:
    database = Database(settings)
    try:
        return await SWEEPS[name](database, settings, lambda: now)
    finally:
        await database.close()


async def age(database: asyncpg.Connection, days: float, *ids: str) -> None:
    """Put deletions back in time."""
    for table in ("todos", "projects"):
        await database.execute(
            f"UPDATE {table} SET deleted_at = deleted_at - $1::interval "
            "WHERE deletion_id = ANY($2)",
            timedelta(days=days),
            [UUID(each) for each in ids],
        )


async def test_after_so_many_days(
    settings: Settings, ada: Person, database: asyncpg.Connection
) -> None:
    old, garden, new = await ada.make_todo(), await ada.make_project(), await ada.make_todo()
    below = await ada.make_todo(parent_id=old["id"])
    inner = await ada.make_todo(project_id=garden["id"])
    await trash(ada, old, garden, new)
    listed = {item["id"]: item for item in await ada.walk("/v1/trash")}
    assert datetime.fromisoformat(listed[old["id"]]["purge_at"]) - datetime.fromisoformat(
        listed[old["id"]]["deleted_at"]
    ) == timedelta(days=30)
    await age(database, 30, old["id"], garden["id"])
    await age(database, 29.9, new["id"])
    assert await sweep(settings, utc_now()) >= 2
    await ada.invalidate()
    assert await trashed(ada) == [new["id"]]
    ids = [UUID(row["id"]) for row in (old, below, inner)]
    assert await database.fetchval("SELECT count(*) FROM todos WHERE id = ANY($1)", ids) == 0
    assert (await events(database, old))[-1] == "todo.purged"
    assert (await events(database, garden))[-1] == "project.purged"
    by = await database.fetch(
        "SELECT actor_id, request_id FROM changes WHERE event LIKE '%.purged' "
        "AND resource_id = ANY($1)",
        [UUID(old["id"]), UUID(garden["id"])],
    )
    assert [tuple(row) for row in by] == [(None, None)] * 2
    await restore(ada, new)


async def test_what_was_restored_and_deleted_again_has_its_time(
    settings: Settings, ada: Person, database: asyncpg.Connection
) -> None:
    todo = await ada.make_todo()
    await trash(ada, todo)
    await age(database, 31, todo["id"])
    await restore(ada, todo)
    await trash(ada, todo)
    await sweep(settings, utc_now())
    assert await trashed(ada) == [todo["id"]]


async def test_what_is_below_on_its_own_account_has_its_own_time(
    settings: Settings, ada: Person, database: asyncpg.Connection
) -> None:
    """Clocks of processes differ: a subtask may be the younger one."""
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"])
    await trash(ada, todo, parent)
    await age(database, 31, parent["id"])
    await sweep(settings, utc_now())
    await ada.invalidate()
    assert await trashed(ada) == [todo["id"]]
    assert (await restore(ada, todo))["parent_id"] is None


@pytest.mark.parametrize("kind", ["todos", "projects"])
async def test_what_an_older_version_deleted_is_found(
    settings: Settings, ada: Person, database: asyncpg.Connection, kind: str
) -> None:
    """It left only the instant."""
    make = ada.make_todo if kind == "todos" else ada.make_project
    parent = await make()
    aside, child = [await make(parent_id=parent["id"]) for _ in range(2)]
    low = await make(parent_id=child["id"])
    before = [await read(ada, row) for row in (parent, child, low)]
    await trash(ada, aside, parent)
    forget = f"UPDATE {kind} SET deletion_id = NULL WHERE id = ANY($1)"
    ids = [UUID(row["id"]) for row in (parent, aside, child, low)]
    await database.execute(forget, ids)
    await ada.invalidate()
    assert await trashed(ada) == []

    base = Database(settings)
    assert await backfill_deletions(base) >= 4
    assert await backfill_deletions(base) == 0
    await base.close()
    await ada.invalidate()
    assert await trashed(ada) == [parent["id"], aside["id"]]
    await restore(ada, parent)
    assert not await is_there(ada, aside)
    await restore(ada, aside)
    assert [lasting(await read(ada, row)) for row in (parent, child, low)] == [
        *map(lasting, before)
    ]


@pytest.mark.parametrize("kind", ["todos", "projects"])
async def test_one_that_fails_stops_no_other(
    settings: Settings, ada: Person, database: asyncpg.Connection, kind: str
) -> None:
    make = ada.make_todo if kind == "todos" else ada.make_project
    before, bad, after = [await make() for _ in range(3)]
    last = await ada.make_project()
    await trash(ada, before, bad, after, last)
    for days, row in enumerate((last, after, bad, before), 31):
        await age(database, days, row["id"])
    await database.execute(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE 'a bad one'; END $$; "
        f"CREATE TRIGGER fail BEFORE DELETE ON {kind} FOR EACH ROW "
        f"WHEN (OLD.id = '{bad['id']}') EXECUTE FUNCTION fail()"
    )
    try:
        with pytest.raises(asyncpg.RaiseError, match="a bad one"):
            await sweep(settings, utc_now())
    finally:
        await database.execute("DROP FUNCTION fail CASCADE")
    await ada.invalidate()
    assert await trashed(ada) == [bad["id"]]
    # And goes when nothing hinders it any more.
    await sweep(settings, utc_now())
    await ada.invalidate()
    assert await trashed(ada) == []
