"""Invitations as a project's owner has them: sent, replaced, and refused."""

from datetime import datetime, timedelta
from uuid import UUID

import asyncpg
import pytest

from app.core.settings import Settings
from app.security.access_tokens import hash_opaque_token
from tests.apps import client_of, running
from tests.features.invitations.asking import MINE, answer, by_token, items, problem, url
from tests.people import Json, Person, invite, join


class TestCreate:
    async def test_shows_its_token_once(self, ada: Person, database: asyncpg.Connection) -> None:
        project = await ada.make_project()
        body = {"email": " Grace@Example.COM ", "role": "editor"}
        keyed = {"Idempotency-Key": "k"}
        response = await ada.client.post(url(project), json=body, headers=keyed)
        assert response.status_code == 201
        made = response.json()
        assert response.headers["location"] == url(project, made)
        assert response.headers["cache-control"] == "no-store"
        assert list(made) == ["id", "email", "role", "created_at", "expires_at", "token"]
        assert (made["email"], made["role"]) == ("Grace@example.com", "editor")
        lasts = datetime.fromisoformat(made["expires_at"]) - datetime.fromisoformat(
            made["created_at"]
        )
        assert lasts == timedelta(days=14)
        token = made.pop("token")
        assert token.startswith("tbi_")
        assert await items(ada, url(project)) == [made]
        row = await database.fetchrow("SELECT * FROM invitations WHERE id = $1", UUID(made["id"]))
        assert row is not None
        assert row["token_hash"] == hash_opaque_token(token)
        assert token not in str(dict(row))
        # The key has no effect here: the answer is kept nowhere.
        again = await ada.client.post(url(project), json=body, headers=keyed)
        assert again.json()["token"] != token
        kept = "SELECT count(*) FROM idempotency_keys WHERE user_id = $1"
        assert await database.fetchval(kept, ada.id) == 0

    async def test_is_the_same_with_and_without_an_account(self, ada: Person, bob: Person) -> None:
        project = await ada.make_project()
        answers = [
            await ada.client.post(url(project), json={"email": email, "role": "viewer"})
            for email in (bob.user["email"], "nobody-at-all@example.com")
        ]
        assert {answer.status_code for answer in answers} == {201}
        known, unknown = (set(answer.headers) for answer in answers)
        assert known == unknown
        assert set(answers[0].json()) == set(answers[1].json())

    async def test_takes_the_place_of_the_one_before(self, ada: Person, bob: Person) -> None:
        project = await ada.make_project()
        first = await invite(ada, project, bob.user["email"], "viewer")
        second = await invite(ada, project, bob.user["email"].upper(), "editor")
        assert [item["id"] for item in await items(ada, url(project))] == [second["id"]]
        assert problem(await by_token(bob, first["token"])) == (409, "invitation_not_pending")
        assert problem(await answer(bob, first, "accept")) == (409, "invitation_not_pending")
        assert (await by_token(bob, second["token"])).json()["role"] == "editor"

    async def test_of_a_member_is_refused(self, ada: Person, bob: Person) -> None:
        project = await ada.make_project()
        await join(ada, project, bob)
        for email in (bob.user["email"].upper(), ada.user["email"]):
            response = await ada.client.post(url(project), json={"email": email, "role": "viewer"})
            assert problem(response) == (409, "already_member")
            assert response.json()["errors"][0]["pointer"] == "/email"

    @pytest.mark.parametrize(
        ("body", "pointer"),
        [
            ({"email": "x", "role": "editor"}, "/email"),
            ({"email": "grace@example.com", "role": "owner"}, "/role"),
            ({"email": "grace@example.com"}, "/role"),
            ({"email": "grace@example.com", "role": "viewer", "name": "x"}, "/name"),
        ],
    )
    async def test_names_what_is_wrong(self, ada: Person, body: Json, pointer: str) -> None:
        response = await ada.client.post(url(await ada.make_project()), json=body)
        assert problem(response) == (422, "validation_failed")
        assert response.json()["errors"][0]["pointer"] == pointer

    async def test_is_the_owners_and_the_roots(self, ada: Person, bob: Person) -> None:
        root = await ada.make_project()
        below = await ada.make_project(parent_id=root["id"])
        made = await invite(ada, root, "grace@example.com")
        body = {"email": "grace@example.com", "role": "viewer"}

        async def refused(person: Person, project: Json) -> set[tuple[int, str]]:
            return {
                problem(await person.client.post(url(project), json=body)),
                problem(await person.get(url(project))),
                problem(await person.client.delete(url(project, made))),
            }

        assert await refused(bob, root) == {(404, "not_found")}
        assert await refused(ada, below) == {(409, "not_the_root")}
        inbox = await ada.client.post(url(await ada.inbox()), json=body)
        assert problem(inbox) == (409, "inbox_protected")
        for role in ("editor", "viewer"):
            await join(ada, root, bob, role)
            assert await refused(bob, root) == {(403, "forbidden")}
            await ada.client.delete(f"/v1/projects/{root['id']}/members/{bob.id}")

    async def test_has_a_quota_with_the_members(
        self, settings: Settings, ada: Person, bob: Person
    ) -> None:
        project = await ada.make_project()
        spare = await invite(ada, project, "spare@example.com")
        async with (
            running(settings, quota_members=2) as app,
            client_of(app, ada.tokens["access_token"]) as owner,
        ):
            for email, status in (("grace@example.com", 409), ("spare@example.com", 201)):
                body = {"email": email, "role": "viewer"}
                response = await owner.post(url(project), json=body)
                assert response.status_code == status
            assert response.json()["id"] != spare["id"]
        async with (
            running(settings, quota_members=1) as app,
            client_of(app, bob.tokens["access_token"]) as guest,
        ):
            token = {"token": response.json()["token"]}
            refused = await guest.post(f"{MINE}/accept", json=token)
            assert problem(refused) == (409, "quota_exceeded")
            assert refused.json()["params"] == {"quota": "members"}
        assert (await bob.client.post(f"{MINE}/accept", json=token)).status_code == 200
