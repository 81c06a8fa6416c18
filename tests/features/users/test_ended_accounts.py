"""The ends of accounts, looked after once more: what the version before left, a sweep ends."""

from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app.core.clock import utc_now
from app.core.errors import DatabaseBusy
from app.core.settings import Settings
from app.database.unit_of_work import Database
from app.sweeps import SWEEPS
from tests.features.users.test_ends import delete, left_over_project, member, remains
from tests.people import Person


async def sweep(settings: Settings, name: str, **later: int) -> int:
    database = Database(settings)
    try:
        return await SWEEPS[name](database, settings, lambda: utc_now() + timedelta(**later))
    finally:
        await database.close()


async def test_the_sweep_ends_what_was_left_before(
    settings: Settings, ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    garden = await bob.make_project()
    await delete(ada)
    alone = await left_over_project(database, ada)
    shared = await left_over_project(database, ada)
    ownerless = await left_over_project(database, ada, role=None)
    nobodys = await left_over_project(database, ada, role=None)
    for project in (shared, ownerless):
        await member(database, project, bob)
    await member(database, UUID(garden["id"]), ada)
    await database.execute(
        "INSERT INTO sessions (id, user_id, scope, network, created_at, last_used_at) "
        "VALUES (gen_random_uuid(), $1, '', '127.0.0.1', now(), now())",
        ada.id,
    )
    await database.execute(
        "INSERT INTO idempotency_keys (user_id, key, fingerprint, created_at) "
        "VALUES ($1, 'one', '', now())",
        ada.id,
    )
    assert set(await remains(database, ada)) == {"memberships", "sessions", "answers", "projects"}

    # What is under way may still come.
    await sweep(settings, "remains of accounts")
    assert await remains(database, ada) != {}
    assert await sweep(settings, "remains of accounts", hours=1) >= 1
    assert await remains(database, ada) == {}
    assert await sweep(settings, "remains of accounts", hours=1) == 0

    await bob.invalidate()
    for project in (shared, ownerless):
        assert (await bob.get(f"/v1/projects/{project}")).json()["role"] == "owner"
    assert (await bob.get(f"/v1/projects/{garden['id']}")).json() == garden
    await sweep(settings, "projects of deleted accounts", hours=2)
    left = "SELECT count(*) FROM {} = ANY($1)"
    mine = [alone, nobodys]
    assert await database.fetchval(left.format("projects WHERE id"), mine) == 0
    assert await database.fetchval(left.format("todos WHERE project_id"), mine) == 0
    assert await database.fetchval(left.format("todos WHERE project_id"), [shared, ownerless]) == 2


async def test_the_sweep_looks_after_all_that_have_ended(
    settings: Settings, ada: Person, bob: Person
) -> None:
    for person in (ada, bob):
        await delete(person)
    assert await sweep(settings, "remains of accounts", hours=1) >= 2
    assert await sweep(settings, "remains of accounts", hours=1) == 0


async def test_one_that_cannot_be_looked_after_leaves_the_others_to_the_sweep(
    settings: Settings, ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    impatient = settings.model_copy(update={"statement_timeout": 0.3})
    for person in (ada, bob):
        await delete(person)
        await left_over_project(database, person)
    memberships = "SELECT FROM project_members WHERE user_id = $1 FOR UPDATE"
    for held, free in ((ada, bob), (bob, ada)):
        async with database.transaction():
            await database.execute(memberships, held.id)
            with pytest.raises(DatabaseBusy):
                await sweep(impatient, "remains of accounts", hours=1)
            assert await remains(database, held) != {}
            assert await remains(database, free) == {}
        await left_over_project(database, free)
        await database.execute("UPDATE users SET settled_at = NULL WHERE id = $1", free.id)
