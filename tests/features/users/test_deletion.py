"""`DELETE /v1/users/me`: what ends, what is left to others, and what nobody finds any more."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from app.core.settings import Settings
from app.features.sessions.revocations import EndedSessions
from tests.apps import client_of, running
from tests.features.auth.tokens import assert_refused, is_alive, refresh
from tests.locks import somebody_waits
from tests.people import PASSWORD, Json, Person, join, share, sign_in, sign_up, until_cached

ME = "/v1/users/me"


async def delete(person: Person, password: str = PASSWORD) -> Response:
    return await person.client.request("DELETE", ME, json={"password": password})


async def deleted(person: Person) -> None:
    response = await delete(person)
    assert (response.status_code, response.content) == (204, b"")


async def grant(client: AsyncClient, person: Person) -> Response:
    form = {"grant_type": "password", "username": person.user["email"], "password": PASSWORD}
    return await client.post("/v1/oauth/token", data=form)


async def projects_of(person: Person) -> list[Json]:
    """But for the Inbox."""
    items: list[Json] = (await person.get("/v1/projects")).json()["items"]
    return [project for project in items if not project["is_inbox"]]


class TestAccess:
    async def test_ends_in_all_processes(
        self, settings: Settings, app: FastAPI, client: AsyncClient, ada: Person, bob: Person
    ) -> None:
        tokens = [ada.tokens, await sign_in(client, ada.user["email"])]
        async with running(settings) as elsewhere:
            assert await is_alive(elsewhere, tokens[0])
            await deleted(ada)
            assert [await is_alive(app, each) for each in tokens] == [False, False]
            # A process that takes the token for a moment more shows nothing by it.
            async with client_of(elsewhere, tokens[0]["access_token"]) as late:
                for response in (await late.get(ME), await late.patch(ME, json={"locale": "fr"})):
                    assert (response.status_code, response.json()["code"]) == (401, "invalid_token")
                response = await late.get("/v1/projects")
                # It may have been told in the meantime.
                assert response.status_code == 401 or response.json()["items"] == []
                again = await late.request("DELETE", ME, json={"password": PASSWORD})
                assert (again.status_code, again.json()["code"]) == (401, "invalid_token")
            # What its own watch does twice a second.
            await elsewhere.state.resource(EndedSessions).refresh()
            async with client_of(elsewhere, tokens[0]["access_token"]) as late:
                assert (await late.get("/v1/projects")).status_code == 401
        for each in tokens:
            assert_refused(await refresh(client, each))
        assert_refused(await grant(client, ada))
        assert await is_alive(app, bob.tokens)

    async def test_needs_the_password(self, app: FastAPI, ada: Person) -> None:
        response = await delete(ada, "wrong horse battery staple")
        assert response.status_code == 422
        [error] = response.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/password", "password_incorrect")
        assert await is_alive(app, ada.tokens)

    async def test_needs_the_password_that_is_there_when_its_turn_comes(
        self, app: FastAPI, ada: Person, database: asyncpg.Connection
    ) -> None:
        async with database.transaction():
            await database.execute("UPDATE users SET password_hash = 'x' WHERE id = $1", ada.id)
            deleting = asyncio.create_task(delete(ada))
            await somebody_waits(database)
        response = await deleting
        assert (response.status_code, response.json()["errors"][0]["code"]) == (
            422,
            "password_incorrect",
        )
        assert await is_alive(app, ada.tokens)

    async def test_at_once_is_done_once(self, ada: Person) -> None:
        answers = await asyncio.gather(*(delete(ada) for _ in range(4)))
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses[0] == 204
        assert statuses[1:] == [401] * 3

    async def test_waits_for_a_sign_in_and_ends_it_too(
        self, ada: Person, database: asyncpg.Connection
    ) -> None:
        async with database.transaction():
            await database.execute("SELECT FROM users WHERE id = $1 FOR SHARE", ada.id)
            deleting = asyncio.create_task(delete(ada))
            await somebody_waits(database)
            await database.execute(
                "INSERT INTO sessions (id, user_id, scope, created_at, last_used_at) "
                "VALUES (gen_random_uuid(), $1, '', now(), now())",
                ada.id,
            )
        assert (await deleting).status_code == 204
        live = "SELECT count(*) FROM sessions WHERE user_id = $1 AND ended_at IS NULL"
        assert await database.fetchval(live, ada.id) == 0


class TestPersonalData:
    async def test_is_gone_at_once(self, ada: Person, database: asyncpg.Connection) -> None:
        await deleted(ada)
        rows = [
            *await database.fetch("SELECT * FROM users WHERE id = $1", ada.id),
            *await database.fetch("SELECT * FROM sessions WHERE user_id = $1", ada.id),
        ]
        text = str([dict(row) for row in rows])
        assert len(rows) == 2
        for personal in (ada.user["email"], "Ada", "argon2", "127.0.0.1"):
            assert personal not in text

    async def test_leaves_the_address_to_somebody_new(
        self, client: AsyncClient, ada: Person
    ) -> None:
        await ada.make_todo()
        await deleted(ada)
        again = {"email": ada.user["email"], "password": PASSWORD}
        for status in (201, 409):
            response = await client.post("/v1/users", json=again)
            assert response.status_code == status
        tokens = await sign_in(client, ada.user["email"])
        client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        assert (await client.get(ME)).json()["id"] != str(ada.id)
        assert (await client.get("/v1/todos")).json()["items"] == []
        [inbox] = (await client.get("/v1/projects")).json()["items"]
        assert inbox["is_inbox"]


class TestProjects:
    async def test_that_nobody_else_sees_are_deleted_with_a_change_each(
        self, ada: Person, database: asyncpg.Connection
    ) -> None:
        garden = await ada.make_project()
        shed = await ada.make_project(parent_id=garden["id"])
        ids = [UUID(project["id"]) for project in (await ada.inbox(), garden, shed)]
        await deleted(ada)

        rows = await database.fetch("SELECT * FROM projects WHERE id = ANY($1)", ids)
        assert len(rows) == 3
        assert all(row["deleted_at"] is not None and not row["is_inbox"] for row in rows)
        changes = await database.fetch(
            "SELECT event, actor_id FROM changes WHERE resource_id = ANY($1) "
            "AND event <> 'project.created'",
            ids,
        )
        assert [(row["event"], row["actor_id"]) for row in changes] == [
            ("project.trashed", ada.id)
        ] * 3

    @pytest.mark.parametrize(
        ("roles", "senior", "heir"),
        [
            (("viewer", "editor"), 0, 1),
            (("editor", "editor"), 0, 0),
            (("viewer", "viewer"), 0, 0),
            # Who signed up later was there first.
            (("editor", "editor"), 1, 1),
            (("viewer", "viewer"), 1, 1),
        ],
    )
    async def test_that_others_see_go_to_the_first_editor_or_else_viewer(
        self,
        app: FastAPI,
        ada: Person,
        bob: Person,
        database: asyncpg.Connection,
        roles: tuple[str, str],
        senior: int,
        heir: int,
    ) -> None:
        garden = await ada.make_project()
        todo = await ada.make_todo(project_id=garden["id"])
        async with sign_up(app, "Carol") as carol:
            people = (bob, carol)
            for number in (senior, 1 - senior):
                await share(database, garden, people[number], roles[number])
            url = f"/v1/projects/{garden['id']}"
            for person in people:
                await until_cached(person, url)
            await deleted(ada)
            seen = [(await person.get(url)).json() for person in people]
            todos = [(await person.get(f"/v1/todos/{todo['id']}")).json() for person in people]

            expected = list(roles)
            expected[heir] = "owner"
            assert [project["role"] for project in seen] == expected
            assert {project["version"] for project in seen} == {garden["version"] + 1}
            assert {project["created_by"] for project in seen} == {str(ada.id)}
            assert todos == [todo, todo]
            # That the role is another one is told of the member, and nothing of the project.
            events = "SELECT event FROM changes WHERE resource_id = ANY($1) ORDER BY id"
            ids = [UUID(garden["id"]), people[heir].id]
            told = [row["event"] for row in await database.fetch(events, ids)]
            assert told == ["project.created", "member.updated"]
            # What an owner may.
            assert (await people[1 - heir].client.delete(url)).status_code == 403
            assert (await people[heir].client.delete(url)).status_code == 204
            assert [(await person.get(url)).status_code for person in people] == [404, 404]

    async def test_of_others_are_left_and_what_was_written_there_stays(
        self, ada: Person, bob: Person, database: asyncpg.Connection
    ) -> None:
        garden = await bob.make_project()
        await share(database, garden, ada)
        todo = await ada.make_todo(project_id=garden["id"])
        await deleted(ada)

        assert await projects_of(bob) == [garden]
        assert (await bob.get(f"/v1/todos/{todo['id']}")).json() == todo
        left = "SELECT count(*) FROM project_members WHERE user_id = $1"
        assert await database.fetchval(left, ada.id) == 0

    async def test_below_a_private_one_stay_for_those_who_share_them(
        self, ada: Person, bob: Person, database: asyncpg.Connection
    ) -> None:
        garden = await ada.make_project()
        shed = await ada.make_project(parent_id=garden["id"])
        await share(database, shed, bob)
        await deleted(ada)
        [seen] = await projects_of(bob)
        assert (seen["id"], seen["role"], seen["deleted_at"]) == (shed["id"], "owner", None)
        made = await bob.make_todo(project_id=shed["id"])
        assert made["project_id"] == shed["id"]

    async def test_that_others_see_take_their_labels_along(self, ada: Person, bob: Person) -> None:
        garden = await ada.make_project()
        shed = await ada.make_project(parent_id=garden["id"])
        await join(ada, garden, bob)
        await ada.make_label("Errand", color="#2e7d32")
        await ada.make_todo(project_id=shed["id"], labels=["errand"])
        await ada.make_todo(labels=["private"])
        await until_cached(bob, "/v1/labels")
        await deleted(ada)
        [label] = (await bob.get("/v1/labels")).json()["items"]
        assert (label["name"], label["color"]) == ("Errand", "#2e7d32")
        assert label["owner_id"] == str(bob.id)
