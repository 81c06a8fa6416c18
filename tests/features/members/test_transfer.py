"""A project is given to a member."""

from typing import Any

from app.core.settings import Settings
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

    async def test_to_somebody_else_is_refused(self, ada: Person, bob: Person) -> None:
        response = await transfer(ada, await ada.make_project(), bob)
        assert problem(response) == (422, "not_a_member")
        assert response.json()["errors"][0]["pointer"] == "/user_id"
