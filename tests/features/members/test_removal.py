"""Whoever is removed, or leaves, sees nothing more with the answer."""

from tests.features.members.memberships import problem, role_of, tree, url
from tests.people import Person, join, until_cached


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
