"""A project that is made below another one has its members, whoever makes it."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
from fastapi import FastAPI

from app.core.settings import Settings
from tests.apps import client_of, running
from tests.features.labels.spelling import wrongly_labelled
from tests.locks import somebody_waits
from tests.people import PASSWORD, Json, Person, share, sign_up, until_cached


async def _role(person: Person, project: Json) -> str | None:
    answer = await person.get(f"/v1/projects/{project['id']}")
    return answer.json()["role"] if answer.status_code == 200 else None


async def test_they_have_the_roles_that_they_have_above(
    app: FastAPI, ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    root = await ada.make_project("Root")
    async with sign_up(app, "Carol") as carol:
        await share(database, root, bob)
        await share(database, root, carol, "viewer")
        for person in (ada, carol):
            await until_cached(person, "/v1/projects")

        below = await bob.make_project("Below", parent_id=root["id"])
        deep = await bob.make_project("Deep", parent_id=below["id"])

        assert (below["role"], below["created_by"]) == ("editor", str(bob.id))
        for project in (below, deep):
            roles = [await _role(person, project) for person in (ada, bob, carol)]
            assert roles == ["owner", "editor", "viewer"]
        for person in (ada, carol):
            names = [one["name"] for one in (await person.get("/v1/projects")).json()["items"]]
            assert {"Below", "Deep"} <= set(names)
    assert (await bob.get(f"/v1/projects/{below['id']}")).json() == below
    own = await ada.make_project("Own", parent_id=root["id"])
    assert (own["role"], await _role(bob, own)) == ("owner", "editor")
    assert (await ada.client.delete(f"/v1/projects/{root['id']}")).status_code == 204


async def test_labels_there_are_the_owners(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    root = await ada.make_project()
    await share(database, root, bob)
    below = await bob.make_project(parent_id=root["id"])
    await bob.make_todo(project_id=below["id"], labels=["home"])
    assert await bob.walk("/v1/labels") == []
    assert [label["name"] for label in await ada.walk("/v1/labels")] == ["home"]
    assert await wrongly_labelled(database, ada) == []


async def test_it_counts_for_the_owner(
    settings: Settings, ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    root = await ada.make_project()
    await share(database, root, bob)
    for _ in range(2):
        await bob.make_project()
    # With the Inbox, each may have three: Bob has all, and Ada has room for one.
    async with (
        running(settings, quota_projects=3) as small,
        client_of(small, bob.tokens["access_token"]) as client,
    ):
        answers = [
            await client.post("/v1/projects", json={"name": "x", **fields})
            for fields in ({}, {"parent_id": root["id"]}, {"parent_id": root["id"]})
        ]
    assert [answer.status_code for answer in answers] == [409, 201, 409]
    assert answers[2].json()["params"] == {"quota": "projects"}


async def test_one_that_is_made_while_its_owner_ends_is_handed_over(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    root = await ada.make_project()
    await share(database, root, bob)
    below = uuid4()
    async with database.transaction():
        await database.execute(
            "INSERT INTO projects (id, parent_id, depth, created_by, name, is_inbox, archived, "
            "position, version, created_at, updated_at) "
            "VALUES ($1, $2, 2, $3, 'x', false, false, 'x', 1, now(), now())",
            below,
            UUID(root["id"]),
            bob.id,
        )
        for person, role in ((ada, "owner"), (bob, "editor")):
            await share(database, {"id": str(below)}, person, role)
        ending = asyncio.create_task(
            ada.client.request("DELETE", "/v1/users/me", json={"password": PASSWORD})
        )
        await somebody_waits(database)
    assert (await ending).status_code == 204
    await bob.invalidate()
    assert [await _role(bob, {"id": each}) for each in (root["id"], below)] == ["owner", "owner"]
