"""`Idempotency-Key`: what is sent twice is done once, and answered twice."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from app.core.clock import utc_now
from app.core.settings import Settings
from app.database.idempotency_keys import RETENTION, sweep
from tests.apps import Clock, client_of, running
from tests.commands import environment as environment_of
from tests.commands import invoke
from tests.locks import somebody_waits
from tests.people import PASSWORD, Json, Person, share, sign_in, sign_up
from tests.web.operations import OPERATIONS

TODO = {"title": "Book the train"}


def keyed(key: str | None = None) -> dict[str, str]:
    return {"Idempotency-Key": key or uuid4().hex}


async def create(person: Person, headers: dict[str, str], body: Json = TODO) -> Response:
    return await person.client.post("/v1/todos", json=body, headers=headers)


async def count(person: Person) -> int:
    return len(await person.walk("/v1/todos", limit=200))


def assert_replays(again: Response, first: Response) -> None:
    assert again.status_code == first.status_code
    assert again.content == first.content
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    passing = {"idempotency-replayed", "ratelimit", "x-request-id"}
    for name in again.headers.keys() | first.headers.keys():
        assert name in passing or again.headers.get(name) == first.headers.get(name), name


class TestReplay:
    async def test_of_a_create(self, ada: Person) -> None:
        headers = keyed()
        first, again = [await create(ada, headers) for _ in range(2)]
        assert first.status_code == 201
        assert_replays(again, first)
        assert await count(ada) == 1

    async def test_of_every_kind_of_write(self, ada: Person) -> None:
        todo, project = await ada.make_todo(), await ada.make_project()
        for method, url, body, status in (
            ("POST", "/v1/projects", {"name": "Balcony"}, 201),
            ("PATCH", f"/v1/todos/{todo['id']}", {"title": "Book the ship"}, 200),
            ("PATCH", f"/v1/projects/{project['id']}", {"name": "Balcony"}, 200),
            ("PATCH", "/v1/users/me", {"locale": "fr"}, 200),
            ("DELETE", f"/v1/todos/{todo['id']}", None, 204),
            ("DELETE", f"/v1/projects/{project['id']}", None, 204),
        ):
            headers = keyed()
            first, again = [
                await ada.client.request(method, url, json=body, headers=headers) for _ in range(2)
            ]
            assert first.status_code == status, first.text
            assert_replays(again, first)

    async def test_is_the_first_answer_whatever_has_changed_since(self, ada: Person) -> None:
        headers = keyed()
        first = await create(ada, headers)
        await ada.client.patch(first.headers["location"], json={"title": "Book the ship"})
        assert_replays(await create(ada, headers), first)

    async def test_comes_after_a_restart_too(self, settings: Settings, ada: Person) -> None:
        headers = keyed()
        first = await create(ada, headers)
        async with running(settings) as app, client_of(app, ada.tokens["access_token"]) as client:
            again = await client.post("/v1/todos", json=TODO, headers=headers)
        assert_replays(again, first)

    async def test_ends_after_24_hours(self, settings: Settings) -> None:
        clock = Clock()
        async with running(settings, now=clock) as app, sign_up(app) as person:
            headers = keyed()
            first = await create(person, headers)
            clock.advance(seconds=RETENTION.total_seconds())
            tokens = await sign_in(person.client, person.user["email"])
            person.client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
            assert_replays(await create(person, headers), first)
            clock.advance(seconds=0.001)
            later = await create(person, headers, {"title": "Something else"})
            assert (later.status_code, later.json()["title"]) == (201, "Something else")
            assert "idempotency-replayed" not in later.headers

    async def test_is_each_users_own(self, ada: Person, bob: Person) -> None:
        headers = keyed()
        answers = [await create(person, headers) for person in (ada, bob)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json()["id"] != answers[1].json()["id"]


class TestReused:
    @pytest.mark.parametrize(
        ("method", "url", "body", "more"),
        [
            ("POST", "/v1/todos", {"title": "Book the ship"}, {}),
            ("POST", "/v1/todos", {"title": "Book the train "}, {}),
            ("POST", "/v1/projects", {"name": "Garden"}, {}),
            ("PATCH", "{location}", TODO, {}),
            ("PATCH", "{location}", TODO, {"If-Match": '"1"'}),
            ("DELETE", "{location}", None, {}),
        ],
    )
    async def test_for_another_request_is_refused(
        self, ada: Person, method: str, url: str, body: Json | None, more: dict[str, str]
    ) -> None:
        headers = keyed()
        first = await create(ada, headers)
        url = url.format(location=first.headers["location"])
        other = await ada.client.request(method, url, json=body, headers=headers | more)

        assert other.status_code == 422
        assert other.json()["code"] == "idempotency_key_reused"
        assert [(error["in"], error["pointer"]) for error in other.json()["errors"]] == [
            ("header", "/Idempotency-Key")
        ]
        assert (await ada.get(first.headers["location"])).json() == first.json()


class TestRefused:
    async def test_is_not_kept_and_may_be_tried_again(self, ada: Person) -> None:
        headers = keyed()
        body = {**TODO, "project_id": str(uuid4())}
        assert (await create(ada, headers, body)).status_code == 404
        assert (await create(ada, headers, {"title": ""})).status_code == 422
        made = await create(ada, headers)
        assert made.status_code == 201
        assert "idempotency-replayed" not in made.headers

    @pytest.mark.parametrize("key", ["", " ", "x" * 256, "ä", "a\tb"])
    async def test_is_a_key_that_is_none(self, ada: Person, key: str) -> None:
        raw = [(b"Idempotency-Key", key.encode())]
        response = await ada.client.post("/v1/todos", json=TODO, headers=raw)
        assert response.status_code == 422
        assert response.json()["errors"][0]["code"] == "invalid_key"
        assert await count(ada) == 0

    async def test_are_two_keys(self, ada: Person) -> None:
        raw = [(b"Idempotency-Key", b"a"), (b"Idempotency-Key", b"b")]
        response = await ada.client.post("/v1/todos", json=TODO, headers=raw)
        assert (response.status_code, response.json()["code"]) == (400, "malformed_request")

    async def test_is_whoever_lacks_the_scope_by_now(self, app: FastAPI, ada: Person) -> None:
        headers = keyed()
        await create(ada, headers)
        async with client_of(app) as client:
            narrow = await sign_in(client, ada.user["email"], scope="todos:read")
            client.headers["Authorization"] = f"Bearer {narrow['access_token']}"
            assert (await client.post("/v1/todos", json=TODO, headers=headers)).status_code == 403

    async def test_is_whoever_may_not_see_it_any_more(
        self, ada: Person, bob: Person, database: asyncpg.Connection
    ) -> None:
        project = await ada.make_project()
        await share(database, project, bob)
        headers, body = keyed(), {**TODO, "project_id": project["id"]}
        assert (await create(bob, headers, body)).status_code == 201
        await database.execute("DELETE FROM project_members WHERE user_id = $1", bob.id)

        again = await create(bob, headers, body)
        assert (again.status_code, again.json()["code"]) == (404, "not_found")
        # Nor whoever may see it and not change it.
        await share(database, project, bob, "viewer")
        assert (await create(bob, headers, body)).status_code == 404


class TestAtOnce:
    async def test_fifty_make_one(self, ada: Person) -> None:
        headers = keyed()
        answers = await asyncio.gather(*(create(ada, headers) for _ in range(50)))
        made = [answer for answer in answers if answer.status_code == 201]
        busy = [answer for answer in answers if answer.status_code == 409]

        assert len(made) + len(busy) == 50
        assert len({answer.content for answer in made}) == 1
        assert {answer.json()["code"] for answer in busy} <= {"idempotency_in_progress"}
        firsts = [answer for answer in made if "idempotency-replayed" not in answer.headers]
        assert len(firsts) == 1
        assert await count(ada) == 1
        assert_replays(await create(ada, headers), firsts[0])

    async def test_while_the_first_is_slow_the_others_are_told_and_do_not_wait(
        self, ada: Person, database: asyncpg.Connection
    ) -> None:
        todo = await ada.make_todo()
        url, headers, body = f"/v1/todos/{todo['id']}", keyed(), {"title": "Book the ship"}

        async def patch() -> Response:
            return await ada.client.patch(url, json=body, headers=headers)

        async with database.transaction():
            await database.execute("SELECT FROM todos WHERE id = $1 FOR UPDATE", UUID(todo["id"]))
            first = asyncio.create_task(patch())
            await somebody_waits(database)
            async with asyncio.timeout(3):
                others = await asyncio.gather(*(patch() for _ in range(49)))
            assert not first.done()

        assert {answer.status_code for answer in others} == {409}
        assert {answer.json()["code"] for answer in others} == {"idempotency_in_progress"}
        assert {answer.headers["retry-after"] for answer in others} == {"1"}
        assert (await first).json()["version"] == 2
        assert_replays(await patch(), await first)

    async def test_the_first_that_fails_leaves_the_key_to_the_next(
        self, ada: Person, database: asyncpg.Connection
    ) -> None:
        todo = await ada.make_todo()
        url, headers = f"/v1/todos/{todo['id']}", keyed()
        async with database.transaction():
            await database.execute("SELECT FROM todos WHERE id = $1 FOR UPDATE", UUID(todo["id"]))
            first = asyncio.create_task(
                ada.client.patch(url, json={"title": "Other"}, headers=headers)
            )
            await somebody_waits(database)
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
        async with asyncio.timeout(10):
            while True:  # PostgreSQL may notice late that nobody waits for the first any longer
                again = await ada.client.patch(url, json={"title": "Other"}, headers=headers)
                if again.status_code != 409:
                    break
        assert (again.status_code, again.json()["title"]) == (200, "Other")


class TestSweep:
    async def test_deletes_what_is_old(
        self, settings: Settings, app: FastAPI, ada: Person, database: asyncpg.Connection
    ) -> None:
        old, new = keyed(), keyed()
        await create(ada, old)
        await create(ada, new)
        await database.execute(
            "UPDATE idempotency_keys SET created_at = created_at - interval '25 hours' "
            "WHERE key = $1",
            old["Idempotency-Key"],
        )
        assert await sweep(app.state.database, utc_now) >= 1
        kept = await database.fetch("SELECT key FROM idempotency_keys WHERE user_id = $1", ada.id)
        assert [row["key"] for row in kept] == [new["Idempotency-Key"]]

    async def test_goes_on_until_nothing_is_left(self, app: FastAPI, ada: Person) -> None:
        for _ in range(3):
            await create(ada, keyed())
        tomorrow = utc_now() + timedelta(hours=25)
        assert await sweep(app.state.database, lambda: tomorrow, batch=1) >= 3
        assert await sweep(app.state.database, lambda: tomorrow) == 0

    def test_is_a_command(self, settings: Settings) -> None:
        done = invoke("purge", env=environment_of(settings))
        assert (done.code, done.output[:18]) == (0, "Idempotency keys: ")

    def test_that_cannot_be_says_why(self, settings: Settings) -> None:
        environment = environment_of(settings)
        environment["TICKBOX_DATABASE_URL"] = "postgresql://127.0.0.1:1/tickbox"
        assert len(invoke("purge", env=environment).refusals) == 1


async def test_the_key_means_nothing_where_no_user_is_known(client: AsyncClient) -> None:
    headers, body = keyed(), {"email": f"{uuid4().hex}@example.com", "password": PASSWORD}
    answers = [await client.post("/v1/users", json=body, headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 409]
    assert answers[1].json()["code"] == "email_taken"


def test_every_write_of_a_user_documents_it() -> None:
    for operation in OPERATIONS:
        documented = "Idempotency-Key" in operation.parameters("header")
        writes = operation.method != "GET" and operation.scopes is not None
        # OAuth knows no such thing, and its answers are for now or hold secrets.
        is_secret = operation.is_oauth or operation.id == "create_invitation"
        assert documented == (writes and not is_secret), operation
