"""Invitations as who is invited has them: listed, and answered by an address or a token."""

import asyncio
from datetime import timedelta

import asyncpg
import pytest
from fastapi import FastAPI

from app.core.clock import new_id, utc_now
from app.core.settings import Settings
from tests.apps import client_of, running
from tests.features.invitations.asking import MINE, answer, by_token, items, problem, url
from tests.people import Person, invite, join, sign_up, until_cached


class TestMine:
    async def test_are_those_to_the_address(self, app: FastAPI, ada: Person, bob: Person) -> None:
        project = await ada.make_project("Garden")
        made = await invite(ada, project, bob.user["email"].upper(), "viewer")
        assert await items(bob) == [
            {
                "id": made["id"],
                "project_name": "Garden",
                "inviter_name": "Ada",
                "role": "viewer",
                "created_at": made["created_at"],
                "expires_at": made["expires_at"],
            }
        ]
        assert await items(ada) == []
        for how in ("accept", "decline"):
            assert problem(await answer(ada, made, how)) == (404, "not_found")

    async def test_are_walked_page_by_page(self, ada: Person, bob: Person) -> None:
        projects = [await ada.make_project(f"{number}") for number in range(3)]
        for project in projects:
            await invite(ada, project, bob.user["email"])
        walked = await bob.walk(MINE, limit=1)
        assert [item["project_name"] for item in walked] == ["2", "1", "0"]
        page = (await bob.get(f"{MINE}?limit=2&include_total=true")).json()
        assert page["total"] == 3
        foreign = {"cursor": page["next_cursor"]}
        assert problem(await ada.get(MINE, params=foreign)) == (422, "cursor_invalid")
        assert (await ada.get(f"{MINE}?include_total=true")).json()["total"] == 0

    async def test_are_none_before_the_address_is_verified(
        self, settings: Settings, ada: Person, bob: Person, database: asyncpg.Connection
    ) -> None:
        made = await invite(ada, await ada.make_project(), bob.user["email"])
        async with (
            running(settings, trust_unverified_email=False) as app,
            client_of(app, bob.tokens["access_token"]) as client,
        ):
            strict = Person(app, client, bob.user, bob.tokens)
            assert await items(strict) == []
            for how in ("accept", "decline"):
                assert problem(await answer(strict, made, how)) == (404, "not_found")
            await database.execute(
                "UPDATE users SET email_verified_at = now() WHERE id = $1", bob.id
            )
            assert [item["id"] for item in await items(strict)] == [made["id"]]
            assert (await strict.get("/v1/users/me")).json()["email_verified_at"] is not None
            assert (await answer(strict, made, "accept")).status_code == 200

    async def test_a_token_needs_no_address(
        self, settings: Settings, ada: Person, bob: Person
    ) -> None:
        made = await invite(ada, await ada.make_project(), "grace@example.com")
        async with (
            running(settings, trust_unverified_email=False) as app,
            client_of(app, bob.tokens["access_token"]) as client,
        ):
            strict = Person(app, client, bob.user, bob.tokens)
            assert (await by_token(strict, made["token"])).status_code == 200


class TestAnswer:
    async def test_makes_a_member_of_the_whole_tree(self, ada: Person, bob: Person) -> None:
        root = await ada.make_project()
        below = await ada.make_project(parent_id=root["id"])
        todo = await ada.make_todo(project_id=below["id"])
        made = await invite(ada, root, bob.user["email"], "viewer")
        for address in ("/v1/projects", "/v1/todos"):
            await until_cached(bob, address)
        await until_cached(ada, f"/v1/projects/{root['id']}/members")
        response = await answer(bob, made, "accept")
        assert response.status_code == 200
        project = (await bob.get(f"/v1/projects/{root['id']}")).json()
        assert response.json() == project
        assert (project["role"], project["version"]) == ("viewer", root["version"] + 1)
        seen = {row["id"] for row in await items(bob, "/v1/projects") if not row["is_inbox"]}
        assert seen == {root["id"], below["id"]}
        assert await items(bob, "/v1/todos") == [todo]
        assert len(await items(ada, f"/v1/projects/{root['id']}/members")) == 2

    @pytest.mark.parametrize("role", ["editor", "viewer"])
    async def test_is_replayed_while_the_project_is_seen(
        self, ada: Person, bob: Person, role: str
    ) -> None:
        project = await ada.make_project()
        made = await invite(ada, project, bob.user["email"], role)
        url, keyed = f"{MINE}/{made['id']}/accept", {"Idempotency-Key": "k"}
        first = await bob.client.post(url, headers=keyed)
        again = await bob.client.post(url, headers=keyed)
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        await ada.client.delete(f"/v1/projects/{project['id']}/members/{bob.id}")
        assert problem(await bob.client.post(url, headers=keyed)) == (404, "not_found")

    async def test_is_given_once(self, ada: Person, bob: Person) -> None:
        project = await ada.make_project()
        for first in ("accept", "decline"):
            made = await invite(ada, project, bob.user["email"])
            assert (await answer(bob, made, first)).is_success
            for how in ("accept", "decline"):
                assert problem(await answer(bob, made, how)) == (409, "invitation_not_pending")
            assert problem(await by_token(bob, made["token"])) == (409, "invitation_not_pending")
            revoked = await ada.client.delete(url(project, made))
            assert problem(revoked) == (409, "invitation_not_pending")
            assert await items(bob) == await items(ada, url(project)) == []
            await bob.client.delete(f"/v1/projects/{project['id']}/members/{bob.id}")

    async def test_comes_too_late(self, settings: Settings, ada: Person, bob: Person) -> None:
        project = await ada.make_project()
        made = await invite(ada, project, bob.user["email"])
        later = utc_now() + timedelta(days=14, seconds=1)
        async with running(settings, now=lambda: later) as app, client_of(app) as client:
            person = Person(app, client, bob.user, bob.tokens)
            await person.sign_in_again()
            assert await items(person) == []
            for how in ("accept", "decline"):
                late = await answer(person, made, how)
                assert problem(late) == (409, "invitation_not_pending")
        assert len(await items(bob)) == 1

    async def test_of_what_was_revoked(self, ada: Person, bob: Person) -> None:
        project = await ada.make_project()
        made = await invite(ada, project, bob.user["email"])
        assert (await ada.client.delete(url(project, made))).status_code == 204
        assert problem(await answer(bob, made, "accept")) == (409, "invitation_not_pending")
        assert problem(await ada.client.delete(url(project, made))) == (
            409,
            "invitation_not_pending",
        )
        missing = {"id": str(new_id())}
        assert problem(await ada.client.delete(url(project, missing))) == (404, "not_found")
        other = await ada.make_project()
        assert problem(await ada.client.delete(url(other, made))) == (404, "not_found")

    async def test_by_a_token_that_there_never_was(self, bob: Person) -> None:
        for token in ("tbi_x", "\u00e9", bob.tokens["refresh_token"]):
            assert problem(await by_token(bob, token)) == (404, "not_found")

    async def test_by_who_is_a_member_leaves_it_for_others(
        self, app: FastAPI, ada: Person, bob: Person
    ) -> None:
        project = await ada.make_project()
        made = await invite(ada, project, "grace@example.com")
        await join(ada, project, bob)
        for person in (ada, bob):
            assert problem(await by_token(person, made["token"])) == (409, "already_member")
        async with sign_up(app, "Grace") as grace:
            assert (await by_token(grace, made["token"])).status_code == 200

    @pytest.mark.parametrize("way", ["trashed", "below another one"])
    async def test_to_what_is_no_root_any_more(self, ada: Person, bob: Person, way: str) -> None:
        project = await ada.make_project()
        made = await invite(ada, project, bob.user["email"])
        address = f"/v1/projects/{project['id']}"
        if way == "trashed":
            await ada.client.delete(address)
        else:
            parent = await ada.make_project()
            place = {"last": True, "parent_id": parent["id"]}
            assert (await ada.client.post(f"{address}/move", json=place)).status_code == 200
        assert await items(bob) == []
        assert problem(await answer(bob, made, "accept")) == (409, "invitation_not_pending")

    async def test_at_once_is_taken_once(self, app: FastAPI, ada: Person, bob: Person) -> None:
        project = await ada.make_project()
        made = await invite(ada, project, bob.user["email"])
        async with sign_up(app, "Grace") as grace:
            answers = await asyncio.gather(
                *(by_token(person, made["token"]) for person in (bob, grace) * 5)
            )
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] + [409] * 9
        assert len(await items(ada, f"/v1/projects/{project['id']}/members")) == 2
