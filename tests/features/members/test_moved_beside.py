"""Members and invitations of a project that leaves another's tree meanwhile."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from tests.features.invitations.asking import url as invitations
from tests.features.members.memberships import url as members
from tests.features.projects.moving import move
from tests.locks import everybody_waits, somebody_waits
from tests.people import Person, invite, join
from tests.roundtrips import statements


@pytest.mark.parametrize("what", ["invite", "revoke", "change", "remove", "transfer"])
async def test_the_lock_is_that_of_the_tree_where_it_is_then(
    app: FastAPI, ada: Person, bob: Person, database: asyncpg.Connection, what: str
) -> None:
    root, project = await ada.make_project("Root"), await ada.make_project()
    invitation = await invite(ada, project, "grace@example.com")
    await join(ada, root, bob)
    moved = await move(ada, project, last=True, parent_id=root["id"])
    assert moved.status_code == 200
    method, url, body = {
        "invite": ("POST", invitations(project), {"email": "a@example.com", "role": "viewer"}),
        "revoke": ("DELETE", invitations(project, invitation), None),
        "change": ("PATCH", members(project, bob), {"role": "viewer"}),
        "remove": ("DELETE", members(project, bob), None),
        "transfer": ("POST", f"/v1/projects/{project['id']}/transfer", {"user_id": str(bob.id)}),
    }[what]
    async with statements(app) as sql:
        async with database.transaction():
            held = "SELECT FROM projects WHERE id = $1 FOR UPDATE"
            await database.execute(held, UUID(project["id"]))
            moving = asyncio.create_task(move(ada, project, last=True, parent_id=None))
            await somebody_waits(database)
            other = asyncio.create_task(ada.client.request(method, url, json=body))
            await everybody_waits(database, 2)
        assert ((await moving).status_code, (await other).is_success) == (200, True)
    # Of the move, of the tree where it was, and of its own.
    assert len([each for each in sql if "pg_advisory_xact_lock" in each]) == 3
