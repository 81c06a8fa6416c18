"""Members of a project: listed, given another role, removed, gone by themselves; and a transfer."""

import asyncpg
import pytest
from fastapi import FastAPI

from app.core.clock import new_id
from tests.features.members.memberships import changes_of, problem, role_of, transfer, tree, url
from tests.people import Person, join, sign_up, until_cached


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
