"""Who is told of a write, or of what it left, reads nothing older from the cache."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import Response

from app.core.errors import DatabaseUnavailable
from app.core.settings import Settings
from app.database.pool import PooledConnection
from tests.apps import client_of, running
from tests.people import Json, Person, invite, join, share, until_cached
from tests.web.callers import Caller
from tests.web.operations import OPERATIONS, Operation


def state(response: Response) -> str:
    assert response.is_success or response.status_code == 304, response.text
    return str(response.headers["x-cache"])


_DUE = {"date": "2026-11-30"}


async def _every_write(person: Person, project: Json, todo: Json) -> AsyncIterator[Response]:
    """Each kind of write; each concerns the lists of who is in the project."""
    client, todos = person.client, f"/v1/todos/{todo['id']}"
    place = {"project_id": project["id"]}
    yield await client.post("/v1/todos", json={"title": "New", **place})
    yield await client.post("/v1/todos", json={"title": "New", "parent_id": todo["id"]})
    yield await client.patch(todos, json={"title": "Other"})
    repeats = {"due": _DUE, "recurrence": {"rrule": "FREQ=DAILY", "repeat_from": "due"}}
    yield await client.patch(todos, json=repeats)
    yield await client.patch(todos, json={"completed": True})
    occurrence = {"occurrence": {"date": "2026-12-01"}}
    made = await client.post(f"{todos}/completions", json=occurrence)
    yield made
    yield await client.delete(f"{todos}/completions/{made.json()['completion']['id']}")
    yield await client.patch(todos, json={"completed": True, "recurrence": None})
    comment = await client.post(f"{todos}/comments", json={"body": "New"})
    yield comment
    yield await client.patch(comment.headers["location"], json={"body": "Other"})
    yield await client.delete(comment.headers["location"])
    yield await client.post(f"{todos}/move", json={"last": True})
    yield await client.delete(todos)
    yield await client.patch(f"/v1/projects/{project['id']}", json={"name": "Other"})
    yield await client.post(f"/v1/projects/{project['id']}/move", json={"first": True})
    yield await client.delete(f"/v1/projects/{project['id']}")


class TestAfterAWrite:
    async def test_nothing_old_is_given_to_anybody_who_sees_it(
        self, ada: Person, bob: Person, database: asyncpg.Connection
    ) -> None:
        project = await ada.make_project()
        todo = await ada.make_todo(project_id=project["id"])
        await share(database, project, bob)
        urls = (
            *("/v1/todos", f"/v1/todos?project_id={project['id']}", "/v1/projects"),
            *("/v1/views/today", "/v1/views/upcoming"),
        )
        async for written in _every_write(ada, project, todo):
            assert written.is_success, written.text
            for person in (ada, bob):
                assert [state(await person.get(url)) for url in urls] == ["miss"] * len(urls)
                for url in urls:
                    await until_cached(person, url)

    async def test_of_somebody_else_it_is_still_given(self, ada: Person, bob: Person) -> None:
        await until_cached(bob, "/v1/todos")
        await ada.make_todo()
        assert state(await bob.get("/v1/todos")) == "hit"

    async def test_that_was_not_understood_it_is_still_given(self, ada: Person) -> None:
        todo = await ada.make_todo("Same")
        url = f"/v1/todos/{todo['id']}"
        await until_cached(ada, url)
        assert (await ada.client.patch(url, json={"title": ""})).status_code == 422
        assert state(await ada.get(url)) == "hit"

    async def test_in_another_process_it_is_not_given(
        self, settings: Settings, ada: Person
    ) -> None:
        async with (
            running(settings) as other,
            client_of(other, ada.tokens["access_token"]) as elsewhere,
        ):
            todo = await ada.make_todo()
            await until_cached(Person(other, elsewhere, ada.user, ada.tokens), "/v1/todos")
            changed = await ada.client.patch(f"/v1/todos/{todo['id']}", json={"title": "Other"})
            listed = await elsewhere.get("/v1/todos")
        assert listed.json()["items"] == [changed.json()]


WRITES = [
    operation
    for operation in OPERATIONS
    if operation.method != "GET"
    and operation.path.startswith(("/v1/todos", "/v1/projects", "/v1/labels", "/v1/invitations"))
]


@pytest.mark.parametrize("operation", WRITES, ids=str)
async def test_every_write_tells_whom_it_concerns(ada: Person, operation: Operation) -> None:
    caller = Caller(ada)
    await caller.send(operation)  # what it needs is made once
    caller = Caller(ada)
    await caller.ids(operation)
    await until_cached(ada, "/v1/projects")
    answer = await caller.send(operation)
    assert answer.is_success, answer.text
    assert state(await ada.get("/v1/projects")) == "miss"


class Held:
    """An app in which the first write that is committed is not told to the cache, until later."""

    def __init__(self, app: FastAPI) -> None:
        self.committed = asyncio.Event()
        self.go_on = asyncio.Event()
        self._tell = app.state.database._invalidate
        app.state.database._invalidate = self

    async def __call__(self, audience: Iterable[UUID]) -> None:
        if not self.committed.is_set():
            self.committed.set()
            await self.go_on.wait()
        await self._tell(audience)


class TestBeforeItIsTold:
    """What was committed a moment ago, another answer may tell of already."""

    @pytest.mark.parametrize("way", ["replay", "the same again", "412", "404"])
    async def test_nobody_is_given_less_than_he_knows(
        self, settings: Settings, ada: Person, way: str
    ) -> None:
        todo = await ada.make_todo("Old")
        url = f"/v1/todos/{todo['id']}"
        method = "DELETE" if way == "404" else "PATCH"
        body = None if way == "404" else {"title": "New"}
        headers = {"Idempotency-Key": "k"} if way == "replay" else {}
        async with (
            running(settings) as app,
            client_of(app, ada.tokens["access_token"]) as client,
        ):
            person = Person(app, client, ada.user, ada.tokens)
            await until_cached(person, url)
            held = Held(app)
            first = asyncio.create_task(client.request(method, url, json=body, headers=headers))
            await held.committed.wait()
            if way == "412":
                headers = {"If-Match": '"1"'}
            second = await client.request(method, url, json=body, headers=headers)
            read = await client.get(url)
            held.go_on.set()
            assert (await first).is_success

        assert second.status_code == {"412": 412, "404": 404}.get(way, 200)
        if way == "404":
            assert read.status_code == 404
        else:
            assert (read.json()["title"], read.headers["etag"]) == ("New", '"2"')

    @pytest.mark.parametrize("way", ["accept", "leave"])
    async def test_nor_who_comes_or_goes_and_sends_it_again(
        self, settings: Settings, ada: Person, bob: Person, way: str
    ) -> None:
        project = await ada.make_project()
        members = f"/v1/projects/{project['id']}/members"
        if way == "accept":
            made = await invite(ada, project, bob.user["email"])
            method, url, seen = "POST", f"/v1/invitations/{made['id']}/accept", 2
        else:
            await join(ada, project, bob)
            method, url, seen = "DELETE", f"{members}/{bob.id}", 1
        async with (
            running(settings) as app,
            client_of(app, ada.tokens["access_token"]) as hers,
            client_of(app, bob.tokens["access_token"]) as his,
        ):
            await until_cached(Person(app, his, bob.user, bob.tokens), "/v1/projects")
            await until_cached(Person(app, hers, ada.user, ada.tokens), members)
            held = Held(app)
            keyed = {"Idempotency-Key": "k"}
            first = asyncio.create_task(his.request(method, url, headers=keyed))
            await held.committed.wait()
            second = await his.request(method, url, headers=keyed)
            read, told = await his.get("/v1/projects"), await hers.get(members)
            held.go_on.set()
            assert (await first).is_success
        assert second.headers["idempotency-replayed"] == "true"
        # The Inbox is one of them.
        assert len(read.json()["items"]) == seen
        if way == "accept":
            assert len(told.json()["items"]) == 2

    async def test_nor_after_a_commit_whose_answer_was_lost(
        self, settings: Settings, ada: Person, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        todo = await ada.make_todo("Old")
        url = f"/v1/todos/{todo['id']}"

        execute = PooledConnection.execute

        async def lost(connection: PooledConnection, command: str, **options: Any) -> str:
            status = await execute(connection, command, **options)
            if command == "COMMIT":
                raise DatabaseUnavailable
            return status

        await until_cached(ada, url)
        with monkeypatch.context() as patch:
            patch.setattr(PooledConnection, "execute", lost)
            assert (await ada.client.patch(url, json={"title": "New"})).status_code == 503
        assert (await ada.get(url)).json()["title"] == "New"
