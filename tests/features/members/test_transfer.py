"""A project is given to a member."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.settings import Settings
from app.features.members.repository import MemberRepository
from tests.apps import client_of, running
from tests.features.members.memberships import problem, role_of, transfer, tree, url
from tests.people import Person, join, until_cached


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

    async def test_gives_nobody_more_than_there_may_be(
        self, settings: Settings, ada: Person, bob: Person
    ) -> None:
        root, _, leaf = await tree(ada)
        await join(ada, root, bob)
        for _ in range(2):
            await ada.make_todo(project_id=leaf["id"])
        await bob.make_todo()
        cases: list[tuple[dict[str, Any], str | None]] = [
            ({"quota_projects": 3}, "projects"),
            ({"quota_projects": 4, "quota_todos": 2}, "todos"),
            ({"quota_projects": 4, "quota_todos": 3}, None),
        ]
        for quotas, named in cases:
            async with (
                running(settings, **quotas) as app,
                client_of(app, ada.tokens["access_token"]) as client,
            ):
                response = await transfer(Person(app, client, ada.user, ada.tokens), root, bob)
            if named is None:
                assert response.status_code == 200
            else:
                assert problem(response) == (409, "quota_exceeded")
                assert response.json()["params"] == {"quota": named}
        # From now on they are the new owner's.
        async with (
            running(settings, quota_todos=3) as app,
            client_of(app, ada.tokens["access_token"]) as client,
        ):
            todo = {"title": "One more", "project_id": leaf["id"]}
            refused = await client.post("/v1/todos", json=todo)
            assert problem(refused) == (409, "quota_exceeded")
            assert (await client.post("/v1/todos", json={"title": "x"})).status_code == 201

    async def test_takes_the_labels_along(
        self, ada: Person, bob: Person, database: asyncpg.Connection
    ) -> None:
        root, _, leaf = await tree(ada)
        await join(ada, root, bob)
        errand = await ada.make_label("Errand", color="#2e7d32")
        await ada.make_label("Unused")
        mine = await bob.make_label("HOME", color="#000000")
        todo = await ada.make_todo(project_id=leaf["id"], labels=["errand", "home"])
        gone = await ada.make_todo(project_id=root["id"], labels=["Trashed"])
        await ada.client.delete(f"/v1/todos/{gone['id']}")
        await until_cached(bob, "/v1/labels")

        assert (await transfer(ada, root, bob)).status_code == 200

        labels = {label["name"]: label for label in (await bob.get("/v1/labels")).json()["items"]}
        assert labels.keys() == {"HOME", "Errand", "Trashed"}
        assert labels["HOME"] == mine
        new = labels["Errand"]
        assert (new["color"], new["owner_id"], new["version"]) == ("#2e7d32", str(bob.id), 1)
        assert new["id"] != errand["id"]
        told = await database.fetch(
            "SELECT event, actor_id FROM changes WHERE resource_id = $1", UUID(new["id"])
        )
        assert [tuple(row) for row in told] == [("label.created", ada.id)]
        shown = (await ada.get(f"/v1/labels?project_id={leaf['id']}")).json()["items"]
        assert {label["name"] for label in shown} == {"HOME", "Errand"}
        assert (await ada.get(f"/v1/todos/{todo['id']}")).json()["labels"] == todo["labels"]
        found = (await ada.get("/v1/todos?label=errand")).json()["items"]
        assert [item["id"] for item in found] == [todo["id"]]

    async def test_takes_a_label_along_that_comes_meanwhile(
        self, ada: Person, bob: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        project = await ada.make_project()
        await join(ada, project, bob)
        todo = await ada.make_todo(project_id=project["id"], labels=["Errand"])
        room = MemberRepository.room
        labelled: list[int] = []

        async def then_labelled(*arguments: Any, **options: Any) -> Any:
            found = await room(*arguments, **options)
            if not labelled:
                body = {"labels": ["Home"]}
                response = await bob.client.patch(f"/v1/todos/{todo['id']}", json=body)
                labelled.append(response.status_code)
            return found

        monkeypatch.setattr(MemberRepository, "room", then_labelled)
        assert (await transfer(ada, project, bob)).status_code == 200
        assert labelled == [200]
        # The one that the todo had before goes nowhere.
        labels = (await bob.get("/v1/labels")).json()["items"]
        assert [label["name"] for label in labels] == ["Home"]

    async def test_gives_nobody_more_labels_than_there_may_be(
        self, settings: Settings, ada: Person, bob: Person
    ) -> None:
        project = await ada.make_project()
        await join(ada, project, bob)
        await ada.make_todo(project_id=project["id"], labels=["a", "b"])
        for quota, status in ((1, 409), (2, 200)):
            async with (
                running(settings, quota_labels=quota) as app,
                client_of(app, ada.tokens["access_token"]) as client,
            ):
                response = await transfer(Person(app, client, ada.user, ada.tokens), project, bob)
            assert response.status_code == status
            if status == 409:
                assert response.json()["params"] == {"quota": "labels"}

    async def test_to_somebody_else_is_refused(self, ada: Person, bob: Person) -> None:
        response = await transfer(ada, await ada.make_project(), bob)
        assert problem(response) == (422, "not_a_member")
        assert response.json()["errors"][0]["pointer"] == "/user_id"
