"""Members who come, go and change roles while others write: some order explains each answer."""

import asyncio

import pytest
from fastapi import FastAPI
from httpx import Response

from tests.people import PASSWORD, Json, Person, invite, join, sign_up

TURNS = 50


def _members(project: Json, person: Person) -> str:
    return f"/v1/projects/{project['id']}/members/{person.id}"


async def _transfer(owner: Person, project: Json, person: Person) -> Response:
    address = f"/v1/projects/{project['id']}/transfer"
    return await owner.client.post(address, json={"user_id": str(person.id)})


async def _roles(person: Person, project: Json) -> dict[str, str]:
    page = await person.get(f"/v1/projects/{project['id']}/members")
    return {item["user_id"]: item["role"] for item in page.json()["items"]}


async def test_an_editor_is_removed_while_writing(ada: Person, bob: Person) -> None:
    project = await ada.make_project()
    for turn in range(TURNS):
        await join(ada, project, bob)
        below = {"name": f"Below {turn}", "parent_id": project["id"]}
        todo = {"title": "New", "project_id": project["id"]}
        removed, *written = await asyncio.gather(
            ada.client.delete(_members(project, bob)),
            bob.client.post("/v1/projects", json=below),
            bob.client.post("/v1/todos", json=todo),
        )
        assert removed.status_code == 204
        for answer in written:
            assert answer.status_code in (201, 404), answer.text
        # What was made before is there, and whoever is gone sees none of it.
        for path in ("projects", "todos"):
            items = (await bob.get(f"/v1/{path}")).json()["items"]
            assert [item for item in items if not item.get("is_inbox")] == []
        made = {answer.json()["id"] for answer in written if answer.status_code == 201}
        for path in ("projects", "todos"):
            items = (await ada.get(f"/v1/{path}?limit=200")).json()["items"]
            made -= {item["id"] for item in items}
        assert not made


async def test_two_transfers(app: FastAPI, ada: Person, bob: Person) -> None:
    async with sign_up(app, "Carol") as carol:
        people = {str(person.id): person for person in (ada, bob, carol)}
        project = await ada.make_project()
        for person in (bob, carol):
            await join(ada, project, person)
        owner = ada
        for _ in range(TURNS):
            heirs = [person for person in people.values() if person is not owner]
            answers = await asyncio.gather(*(_transfer(owner, project, heir) for heir in heirs))
            assert sorted(answer.status_code for answer in answers) == [200, 403]
            roles = await _roles(ada, project)
            assert sorted(roles.values()) == ["editor", "editor", "owner"]
            owner = next(people[user_id] for user_id, role in roles.items() if role == "owner")
            assert answers[heirs.index(owner)].status_code == 200


async def test_a_transfer_to_who_leaves(ada: Person, bob: Person) -> None:
    project = await ada.make_project()
    for _ in range(TURNS):
        await join(ada, project, bob)
        left, given = await asyncio.gather(
            bob.client.delete(_members(project, bob)), _transfer(ada, project, bob)
        )
        if given.status_code == 200:
            assert left.json()["code"] == "owner_cannot_leave"
            assert (await _transfer(bob, project, ada)).status_code == 200
            assert (await bob.client.delete(_members(project, bob))).status_code == 204
        else:
            assert (left.status_code, given.json()["code"]) == (204, "not_a_member")


@pytest.mark.parametrize("way", ["revoke", "replace"])
async def test_accept_and_what_ends_the_invitation(ada: Person, bob: Person, way: str) -> None:
    project = await ada.make_project()
    email = bob.user["email"]
    for _ in range(TURNS):
        made = await invite(ada, project, email)
        url = f"/v1/projects/{project['id']}/invitations"
        body = {"email": email, "role": "viewer"}
        ended, accepted = await asyncio.gather(
            ada.client.delete(f"{url}/{made['id']}")
            if way == "revoke"
            else ada.client.post(url, json=body),
            bob.client.post(f"/v1/invitations/{made['id']}/accept"),
        )
        if accepted.status_code == 200:
            assert ended.status_code == 409, ended.text
            assert ended.json()["code"] in ("invitation_not_pending", "already_member")
            assert (await bob.client.delete(_members(project, bob))).status_code == 204
        else:
            assert accepted.json()["code"] == "invitation_not_pending"
            assert ended.is_success


async def test_who_joins_is_in_what_is_made_below(ada: Person, bob: Person) -> None:
    """Or a project would have other members than its root."""
    for turn in range(TURNS // 2):
        project = await ada.make_project()
        made = await invite(ada, project, bob.user["email"])
        body = {"name": f"Below {turn}", "parent_id": project["id"]}
        below, accepted = await asyncio.gather(
            ada.client.post("/v1/projects", json=body),
            bob.client.post("/v1/invitations/accept", json={"token": made["token"]}),
        )
        assert (below.status_code, accepted.status_code) == (201, 200)
        seen = await bob.get(f"/v1/projects/{below.json()['id']}")
        assert seen.json()["role"] == "editor"


async def test_a_transfer_to_whose_account_ends(app: FastAPI, ada: Person) -> None:
    for _ in range(TURNS // 5):
        async with sign_up(app, "Carol") as carol:
            project = await ada.make_project()
            await join(ada, project, carol)
            ended, given = await asyncio.gather(
                carol.client.request("DELETE", "/v1/users/me", json={"password": PASSWORD}),
                _transfer(ada, project, carol),
            )
            assert ended.status_code == 204
            if given.status_code != 200:
                assert given.json()["code"] == "not_a_member"
            # The only member who is left.
            assert await _roles(ada, project) == {str(ada.id): "owner"}
