"""What ends with an account, with a project, and with time."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest

from app.core.clock import utc_now
from app.core.settings import Settings
from app.database.unit_of_work import Database
from app.features.invitations.purge import purge_invitations
from tests.features.invitations.asking import answer, problem
from tests.locks import everybody_waits, somebody_waits
from tests.people import PASSWORD, Person, invite


async def count(database: asyncpg.Connection, *ids: str) -> int:
    sql = "SELECT count(*) FROM invitations WHERE id = ANY($1)"
    found: int = await database.fetchval(sql, [UUID(each) for each in ids])
    return found


async def test_an_account_ends_with_those_that_it_sent_and_those_to_it(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    sent = await invite(ada, await ada.make_project(), "grace@example.com")
    garden = await bob.make_project()
    to_ada = await invite(bob, garden, ada.user["email"].upper())
    others = await invite(bob, garden, "grace@example.com")
    ids = (sent["id"], to_ada["id"], others["id"])
    assert await count(database, *ids) == 3
    deleted = await ada.client.request("DELETE", "/v1/users/me", json={"password": PASSWORD})
    assert deleted.status_code == 204
    assert await count(database, *ids) == await count(database, others["id"]) == 1
    emails = "SELECT count(*) FROM invitations WHERE lower(email) = $1"
    assert await database.fetchval(emails, ada.user["email"].lower()) == 0


@pytest.mark.parametrize("how", ["accept", "decline"])
async def test_one_that_ends_with_its_sender_while_it_is_answered(
    ada: Person, bob: Person, database: asyncpg.Connection, how: str
) -> None:
    project = await ada.make_project()
    made = await invite(ada, project, bob.user["email"])
    async with database.transaction():
        invitation = "SELECT FROM invitations WHERE id = $1 FOR UPDATE"
        await database.execute(invitation, UUID(made["id"]))
        ending = asyncio.create_task(
            ada.client.request("DELETE", "/v1/users/me", json={"password": PASSWORD})
        )
        await somebody_waits(database)
        answering = asyncio.create_task(answer(bob, made, how))
        await everybody_waits(database, 2)
    assert (await ending).status_code == 204
    assert problem(await answering) == (409, "invitation_not_pending")
    assert (await bob.get(f"/v1/projects/{project['id']}")).status_code == 404


async def test_one_that_is_gone_when_the_tree_is_locked(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    made = await invite(ada, project, bob.user["email"])
    async with database.transaction():
        lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
        await database.execute(lock, project["id"])
        answering = asyncio.create_task(answer(bob, made, "accept"))
        await somebody_waits(database)
        ended = await ada.client.request("DELETE", "/v1/users/me", json={"password": PASSWORD})
        assert ended.status_code == 204
    assert problem(await answering) == (409, "invitation_not_pending")


async def test_a_project_is_purged_with_them(ada: Person, database: asyncpg.Connection) -> None:
    project = await ada.make_project()
    made = await invite(ada, project, "grace@example.com")
    async with database.transaction():
        for table in ("project_members WHERE project_id", "projects WHERE id"):
            await database.execute(f"DELETE FROM {table} = $1", UUID(project["id"]))
    assert await count(database, made["id"]) == 0


async def test_they_are_kept_for_a_month_after_their_time(
    settings: Settings, ada: Person, database: asyncpg.Connection
) -> None:
    garden = await ada.make_project()
    made = [(await invite(ada, garden, f"{n}@example.com"))["id"] for n in range(5)]
    # Far from what other tests have here.
    await database.execute(
        "UPDATE invitations SET expires_at = expires_at - interval '1 year' WHERE id = ANY($1)",
        [UUID(each) for each in made[:3]],
    )
    base = Database(settings)

    soon = timedelta(days=365 - 44, minutes=1)
    assert await purge_invitations(base, lambda: utc_now() - soon) == 0
    assert await purge_invitations(base, lambda: utc_now() - timedelta(days=300), batch=2) == 3
    await base.close()
    assert await count(database, *made) == await count(database, *made[3:]) == 2
