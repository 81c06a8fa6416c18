"""Members of a project: listed, given another role, removed, gone by themselves; and a transfer."""

from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import Response

from app.core.clock import new_id
from tests.people import Json, Person, join, sign_up, until_cached


def url(project: Json, person: Person | None = None) -> str:
    address = f"/v1/projects/{project['id']}/members"
    return address if person is None else f"{address}/{person.id}"


def problem(response: Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def role_of(person: Person, project: Json) -> str | None:
    """None: the project is not seen."""
    response = await person.get(f"/v1/projects/{project['id']}")
    return None if response.status_code == 404 else str(response.json()["role"])


async def tree(person: Person) -> tuple[Json, Json, Json]:
    """A project, one below it, and one below that."""
    root = await person.make_project("Root")
    middle = await person.make_project("Middle", parent_id=root["id"])
    return root, middle, await person.make_project("Leaf", parent_id=middle["id"])


class TestList:
    async def test_has_everybody_the_newest_first(self, ada: Person, bob: Person) -> None:
        project = await ada.make_project()
        await join(ada, project, bob, "viewer")
        for person in (ada, bob):
            items = (await person.get(url(project))).json()["items"]
            assert [set(item) for item in items] == [
                {"user_id", "display_name", "email", "role", "created_at"}
            ] * 2
            assert [(item["user_id"], item["display_name"], item["role"]) for item in items] == [
                (str(bob.id), "Bob", "viewer"),
                (str(ada.id), "Ada", "owner"),
            ]
            assert [item["email"] for item in items] == [bob.user["email"], ada.user["email"]]

    async def test_is_walked_page_by_page(self, app: FastAPI, ada: Person, bob: Person) -> None:
        project = await ada.make_project()
        await join(ada, project, bob)
        async with sign_up(app, "Carol") as carol:
            await join(ada, project, carol)
            walked = await bob.walk(url(project), limit=1)
            assert [item["display_name"] for item in walked] == ["Carol", "Bob", "Ada"]
            page = await bob.get(url(project), params={"limit": 2, "include_total": "true"})
            assert page.json()["total"] == 3
            foreign = {"cursor": page.json()["next_cursor"]}
            assert problem(await ada.get(url(project), params=foreign)) == (422, "cursor_invalid")

    async def test_is_the_roots(self, ada: Person, bob: Person) -> None:
        root = await ada.make_project()
        below = await ada.make_project(parent_id=root["id"])
        assert problem(await ada.get(url(below))) == (409, "not_the_root")
        assert problem(await bob.get(url(root))) == (404, "not_found")

    async def test_of_an_inbox_is_its_owner(self, ada: Person) -> None:
        [item] = (await ada.get(url(await ada.inbox()))).json()["items"]
        assert item["user_id"] == str(ada.id)

    async def test_follows_a_members_name(self, ada: Person, bob: Person) -> None:
        project = await ada.make_project()
        await join(ada, project, bob)
        await until_cached(bob, url(project))
        await ada.client.patch("/v1/users/me", json={"display_name": "Countess"})
        items = (await bob.get(url(project))).json()["items"]
        assert items[1]["display_name"] == "Countess"


class TestRole:
    async def test_is_changed_in_the_whole_tree(self, ada: Person, bob: Person) -> None:
        root, middle, leaf = await tree(ada)
        await ada.client.delete(f"/v1/projects/{leaf['id']}")
        await join(ada, root, bob)
        before = (await ada.get(f"/v1/projects/{middle['id']}")).json()
        for project in (root, middle):
            await until_cached(bob, f"/v1/projects/{project['id']}")
        response = await ada.client.patch(url(root, bob), json={"role": "viewer"})
        assert response.status_code == 200
        [shown, _] = (await ada.get(url(root))).json()["items"]
        assert response.json() == shown
        assert shown["role"] == "viewer"
        assert [await role_of(bob, project) for project in (root, middle)] == ["viewer"] * 2
        after = await ada.get(f"/v1/projects/{middle['id']}")
        assert after.json()["version"] == before["version"] + 1
        root_now = await ada.get(f"/v1/projects/{root['id']}")
        assert response.headers["etag"] == root_now.headers["etag"]
        todo = {"title": "Mine", "project_id": middle["id"]}
        assert problem(await bob.client.post("/v1/todos", json=todo)) == (403, "forbidden")

    async def test_that_it_is_already_changes_nothing(
        self, ada: Person, bob: Person, database: asyncpg.Connection
    ) -> None:
        project = await ada.make_project()
        joined = await join(ada, project, bob)
        told = await changes_of(database, bob)
        response = await ada.client.patch(url(project, bob), json={"role": "editor"})
        assert response.headers["etag"] == f'"{joined["version"]}"'
        assert response.json()["role"] == "editor"
        assert await changes_of(database, bob) == told

    @pytest.mark.parametrize("role", ["owner", "boss", None, 1])
    async def test_is_one_of_two(self, ada: Person, bob: Person, role: object) -> None:
        project = await ada.make_project()
        await join(ada, project, bob)
        response = await ada.client.patch(url(project, bob), json={"role": role})
        assert problem(response) == (422, "validation_failed")
        assert response.json()["errors"][0]["pointer"] == "/role"

    async def test_of_the_owner_stays(self, ada: Person) -> None:
        project = await ada.make_project()
        response = await ada.client.patch(url(project, ada), json={"role": "viewer"})
        assert problem(response) == (409, "owner_cannot_leave")

    async def test_goes_by_the_projects_version(self, ada: Person, bob: Person) -> None:
        project = await ada.make_project()
        version = (await join(ada, project, bob))["version"]
        for tag, status in ((version - 1, 412), (version, 200)):
            response = await ada.client.patch(
                url(project, bob), json={"role": "viewer"}, headers={"If-Match": f'"{tag}"'}
            )
            assert response.status_code == status


class TestRemoval:
    async def test_takes_everything_away_with_the_answer(self, ada: Person, bob: Person) -> None:
        root, middle, leaf = await tree(ada)
        await join(ada, root, bob)
        todo = await bob.make_todo(project_id=leaf["id"])
        await bob.make_todo("Another", project_id=leaf["id"])
        keyed = {"Idempotency-Key": "k"}
        body = {"title": "Kept", "project_id": leaf["id"]}
        assert (await bob.client.post("/v1/todos", json=body, headers=keyed)).status_code == 201
        urls = [
            *("/v1/todos", f"/v1/todos?project_id={leaf['id']}", "/v1/projects"),
            *(f"/v1/projects/{project['id']}" for project in (root, middle, leaf)),
            *(f"/v1/todos/{todo['id']}", url(root)),
        ]
        seen = {each: await until_cached(bob, each) for each in urls}
        page = await bob.get("/v1/todos?limit=1")

        assert (await ada.client.delete(url(root, bob))).status_code == 204

        for each in urls[:3]:
            tag = {"If-None-Match": seen[each].headers["etag"]}
            again = await bob.get(each, headers=tag)
            assert again.status_code == 200
            assert [row for row in again.json()["items"] if not row.get("is_inbox")] == []
        for each in urls[3:]:
            tag = {"If-None-Match": seen[each].headers["etag"]}
            assert (await bob.get(each, headers=tag)).status_code == 404
        rest = await bob.get("/v1/todos", params={"limit": 1, "cursor": page.json()["next_cursor"]})
        assert rest.json()["items"] == []
        replay = await bob.client.post("/v1/todos", json=body, headers=keyed)
        assert problem(replay) == (404, "not_found")
        assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo

    async def test_is_leaving_where_it_is_oneself(self, ada: Person, bob: Person) -> None:
        root, _, leaf = await tree(ada)
        await join(ada, root, bob, "viewer")
        await until_cached(ada, url(root))
        keyed = {"Idempotency-Key": "k"}
        for replayed in (None, "true"):
            response = await bob.client.delete(url(root, bob), headers=keyed)
            assert response.status_code == 204
            assert response.headers.get("idempotency-replayed") == replayed
        assert [await role_of(bob, project) for project in (root, leaf)] == [None, None]
        [item] = (await ada.get(url(root))).json()["items"]
        assert item["user_id"] == str(ada.id)
        assert problem(await bob.client.delete(url(root, bob))) == (404, "not_found")

    async def test_of_the_owner_is_refused(self, ada: Person) -> None:
        project = await ada.make_project()
        assert problem(await ada.client.delete(url(project, ada))) == (409, "owner_cannot_leave")

    async def test_of_nobody_is_404(self, ada: Person, bob: Person) -> None:
        project = await ada.make_project()
        for response in (
            await ada.client.delete(url(project, bob)),
            await ada.client.patch(url(project, bob), json={"role": "editor"}),
        ):
            assert problem(response) == (404, "not_found")

    async def test_and_a_way_back_is_another_version(self, ada: Person, bob: Person) -> None:
        """Or the tag of what an editor saw would be that of what a viewer sees."""
        project = await ada.make_project()
        first = await join(ada, project, bob, "editor")
        await ada.client.delete(url(project, bob))
        second = await join(ada, project, bob, "viewer")
        assert second["version"] > first["version"]


class TestTransfer:
    async def test_makes_a_member_the_owner(self, ada: Person, bob: Person) -> None:
        root, _, leaf = await tree(ada)
        await join(ada, root, bob, "viewer")
        for person in (ada, bob):
            await until_cached(person, f"/v1/projects/{leaf['id']}")
        response = await transfer(ada, root, bob)
        assert response.status_code == 200
        assert response.json()["role"] == "editor"
        assert response.json() == (await ada.get(f"/v1/projects/{root['id']}")).json()
        for project in (root, leaf):
            assert [await role_of(person, project) for person in (ada, bob)] == ["editor", "owner"]
        assert (await bob.client.delete(url(root, ada))).status_code == 204
        assert (await bob.client.delete(f"/v1/projects/{root['id']}")).status_code == 204

    async def test_to_oneself_changes_nothing(self, ada: Person) -> None:
        project = await ada.make_project()
        response = await transfer(ada, project, ada)
        assert response.json() == project

    async def test_to_somebody_else_is_refused(self, ada: Person, bob: Person) -> None:
        response = await transfer(ada, await ada.make_project(), bob)
        assert problem(response) == (422, "not_a_member")
        assert response.json()["errors"][0]["pointer"] == "/user_id"


async def transfer(owner: Person, project: Json, person: Person) -> Response:
    address = f"/v1/projects/{project['id']}/transfer"
    return await owner.client.post(address, json={"user_id": str(person.id)})


async def changes_of(database: asyncpg.Connection, person: Person) -> list[asyncpg.Record]:
    """What is told of somebody's memberships."""
    return await database.fetch(
        "SELECT event, project_id, actor_id, changed, row_after FROM changes "
        "WHERE resource_type = 'member' AND resource_id = $1 ORDER BY id",
        person.id,
    )


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


async def test_what_a_role_permits(ada: Person, bob: Person) -> None:
    root = await ada.make_project()
    below = await ada.make_project(parent_id=root["id"])
    foreign = f"/v1/projects/{root['id']}/members/{new_id()}"
    for role in ("editor", "viewer"):
        await join(ada, root, bob, role)
        for response in (
            await bob.client.patch(url(root, ada), json={"role": "viewer"}),
            await bob.client.patch(url(root, bob), json={"role": "viewer"}),
            await bob.client.delete(url(root, ada)),
            await bob.client.delete(foreign),
            await transfer(bob, root, bob),
        ):
            assert problem(response) == (403, "forbidden")
        assert problem(await bob.client.delete(url(below, bob))) == (409, "not_the_root")
        await ada.client.delete(url(root, bob))
    inbox = await ada.inbox()
    for project, code in ((below, "not_the_root"), (inbox, "inbox_protected")):
        for response in (
            await ada.client.patch(url(project, ada), json={"role": "viewer"}),
            await ada.client.delete(url(project, ada)),
            await transfer(ada, project, ada),
        ):
            assert problem(response) == (409, code)


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
