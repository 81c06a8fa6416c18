"""Who joins, changes role or leaves is told of it, for each project of the tree."""

from uuid import UUID

import asyncpg
from fastapi import FastAPI

from tests.features.members.memberships import changes_of, role_of, transfer, tree, url
from tests.people import Person, join, sign_up, until_cached


async def test_each_change_of_a_membership_is_told_for_each_project(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    root, middle, leaf = await tree(ada)
    ids = {UUID(project["id"]) for project in (root, middle, leaf)}
    assert await changes_of(database, ada) == []
    await join(ada, root, bob, "viewer")
    await ada.client.patch(url(root, bob), json={"role": "editor"})
    await transfer(ada, root, bob)
    await bob.client.delete(url(root, ada))
    told = await changes_of(database, bob)
    assert [row["event"] for row in told[::3]] == [
        "member.created",
        "member.updated",
        "member.updated",
    ]
    for place, actor in enumerate((bob, ada, ada)):
        rows = told[3 * place : 3 * place + 3]
        assert {row["project_id"] for row in rows} == ids
        assert {row["actor_id"] for row in rows} == {actor.id}
    assert [row["changed"] for row in told[::3]] == [
        "{}",
        '{"role": {"to": "editor", "from": "viewer"}}',
        '{"role": {"to": "owner", "from": "editor"}}',
    ]
    told = await changes_of(database, ada)
    assert [row["event"] for row in told] == ["member.updated"] * 3 + ["member.deleted"] * 3
    # Neither name nor address: they end with the account.
    assert "example.com" not in str([row["row_after"] for row in told])


class TestBelow:
    async def test_has_the_members_of_its_parent(self, ada: Person, bob: Person) -> None:
        root = await ada.make_project()
        await join(ada, root, bob)
        await until_cached(ada, "/v1/projects")
        below = await bob.make_project("Below", parent_id=root["id"])
        assert (below["role"], below["created_by"]) == ("editor", str(bob.id))
        seen = await ada.get(f"/v1/projects/{below['id']}")
        assert seen.json() == {**below, "role": "owner"}
        assert "Below" in [row["name"] for row in (await ada.get("/v1/projects")).json()["items"]]

    async def test_another_root_it_gets_the_members_of_that(
        self, app: FastAPI, ada: Person, bob: Person, database: asyncpg.Connection
    ) -> None:
        one, other = await ada.make_project("One"), await ada.make_project("Other")
        below = await ada.make_project(parent_id=one["id"])
        await join(ada, one, bob)
        async with sign_up(app, "Carol") as carol:
            await join(ada, other, carol, "viewer")
            before = len(await changes_of(database, bob)), len(await changes_of(database, carol))
            moved = await ada.client.post(
                f"/v1/projects/{below['id']}/move", json={"last": True, "parent_id": other["id"]}
            )
            assert moved.status_code == 200
            assert [await role_of(person, below) for person in (bob, carol)] == [None, "viewer"]
            gone = (await changes_of(database, bob))[before[0] :]
            new = (await changes_of(database, carol))[before[1] :]
            assert [(row["event"], str(row["project_id"])) for row in (*gone, *new)] == [
                ("member.deleted", below["id"]),
                ("member.created", below["id"]),
            ]
