"""What requests cost: a round trip to PostgreSQL is the unit (design.md, rule 12)."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response
from sqlalchemy import func, select, table

from app.core.settings import Settings
from app.database.statement import Statement
from app.features.sessions.revocations import EndedSessions
from tests.apps import running
from tests.database.costs import BEGIN, CHANGE, LABELLED, READ, REQUESTS, WEEKLY, WRITE, Json
from tests.people import Person, sign_up, until_cached
from tests.roundtrips import redis_calls, statements
from tests.shapes import fresh

pytestmark = pytest.mark.keeps_session(reason="that costs more of them: see test_pooler.py")


class Ada:
    """Somebody with a todo and a project, who has the app's only connection."""

    def __init__(self, client: AsyncClient) -> None:
        self.client = client
        self.ids: dict[str, str] = {}
        # What is sent again is another value, or there would be nothing to change.
        self._turns = count()

    async def prepare(self) -> None:
        """Make all of these requests once, in another time zone than that of a new account."""
        zone = await self.client.patch("/v1/users/me", json={"timezone": "Asia/Tokyo"})
        assert zone.status_code == 200
        todo = await self.client.post("/v1/todos", json={"title": "Book"})
        project = await self.client.post("/v1/projects", json={"name": "Garden"})
        label = await self.client.post("/v1/labels", json={"name": "Errands"})
        repeating = await self.client.post("/v1/todos", json={"title": "Water", **WEEKLY})
        parent = await self.client.post("/v1/todos", json={"title": "Travel"})
        made = {"todo": todo, "project": project, "parent": parent, "label": label}
        made["repeating"] = repeating
        made["trashed"] = await self.client.post("/v1/todos", json={"title": "Ferry"})
        made["shed"] = await self.client.post("/v1/projects", json={"name": "Shed"})
        comments = f"{todo.headers['location']}/comments"
        made["comment"] = await self.client.post(comments, json={"body": "Sold out."})
        self.ids = {name: answer.json()["id"] for name, answer in made.items()}
        for method, url, body, _ in REQUESTS:
            await self.request(method, url, body)

    async def request(self, method: str, url: str, body: Json | None) -> Response:
        turn = next(self._turns)

        def turned(value: Any) -> Any:
            if isinstance(value, list):
                return [turned(each) for each in value]
            return value.format(**self.ids, turn=turn) if isinstance(value, str) else value

        sent = body and {name: turned(value) for name, value in body.items()}
        return await self.client.request(method, url.format(**self.ids), json=sent)


@pytest.fixture(scope="module")
async def steady(settings: Settings) -> AsyncIterator[tuple[FastAPI, Ada]]:
    with fresh():
        async with (
            running(settings, database_pool_size=1, cache_seconds=0) as app,
            sign_up(app) as person,
        ):
            ada = Ada(person.client)
            await ada.prepare()
            yield app, ada


@pytest.mark.parametrize(("method", "url", "body", "cost"), REQUESTS)
async def test_a_request_costs_no_more_than_it_must(
    steady: tuple[FastAPI, Ada], method: str, url: str, body: Json | None, cost: list[Any]
) -> None:
    app, ada = steady
    async with statements(app) as sql:
        response = await ada.request(method, url, body)

    assert response.status_code < 300 or cost not in (READ, WRITE, CHANGE, LABELLED)
    assert sql == cost


async def test_what_other_tasks_send_meanwhile_is_not_counted(app: FastAPI, ada: Person) -> None:
    begun = asyncio.Event()

    async def elsewhere() -> None:
        await begun.wait()
        await app.state.resource(EndedSessions).refresh()

    other = asyncio.create_task(elsewhere())
    async with statements(app) as sql:
        begun.set()
        await other
        await ada.get("/v1/todos")
    assert sql == READ


async def test_a_statement_is_prepared_once_a_connection(steady: tuple[FastAPI, Ada]) -> None:
    app, ada = steady
    prepared = Statement(select(func.count()).select_from(table("pg_prepared_statements")))
    (await app.state.database.primary.fetch_all(prepared))[0][0]
    before = (await app.state.database.primary.fetch_all(prepared))[0][0]
    async with statements(app) as sql:
        for method, url, body, _ in REQUESTS:
            await ada.request(method, url, body)

    assert (await app.state.database.primary.fetch_all(prepared))[0][0] == before
    # The driver prepares anew what is longer than twice this each time.
    assert max(map(len, sql)) < 16 * 1024


class TestInput:
    """Whatever a client sends is a parameter, and no part of the SQL."""

    async def test_never_is_part_of_the_sql(self, app: FastAPI, ada: Person) -> None:
        mark = f"{uuid4().hex}'\";--"
        client = ada.client
        async with statements(app) as sql:
            todo = await client.post(
                "/v1/todos",
                json={
                    "title": f"title {mark}",
                    "description": f"description {mark}",
                    "priority": "urgent",
                    "due": {"datetime": "2031-07-13T04:05:06", "timezone": "Asia/Kathmandu"},
                    "labels": [mark],
                },
            )
            url = todo.headers["location"]
            await client.post("/v1/todos", json={"title": mark, "parent_id": todo.json()["id"]})
            await client.patch(
                url, json={"title": mark, "completed": True}, headers={"If-Match": '"90125"'}
            )
            project = await client.post("/v1/projects", json={"name": mark, "color": "#a1b2c3"})
            parameters: list[Json] = [
                {"project_id": project.json()["id"], "sort": "position", "limit": 173},
                {"parent_id": todo.json()["id"], "priority": ["urgent", "low"]},
                {"due_after": "2031-07-13", "due_before": "2031-07-13T04:05:06Z"},
                {"updated_since": "2031-07-13T04:05:06Z", "overdue": "true"},
                {"q": mark},
                {"label": mark, "label_all": mark},
            ]
            for params in parameters:
                await client.get("/v1/todos", params=params)
            label = await client.post("/v1/labels", json={"name": f"label {mark}"})
            await client.patch(label.headers["location"], json={"name": f"other {mark}"})
            comment = await client.post(f"{url}/comments", json={"body": mark})
            await client.patch(comment.headers["location"], json={"body": f"other {mark}"})
            page = await client.get("/v1/todos", params={"limit": 1})
            await client.get("/v1/todos", params={"limit": 1, "cursor": page.json()["next_cursor"]})
            await client.patch("/v1/users/me", json={"display_name": mark, "locale": "ha-NG"})
            await client.post(
                "/v1/oauth/token",
                data={"grant_type": "password", "username": "q@example.com", "password": mark},
            )
            await client.request("DELETE", url)

        # Who asks is no input: it is what a token says that we signed.
        said = " ".join(statement for statement in sql if statement != BEGIN)
        assert len(sql) > 20
        unsaid = [mark[:32], "2031", "Kathmandu", "90125", "a1b2c3", "173", "ha-NG", "q@example"]
        unsaid += [todo.json()["id"], project.json()["id"], str(ada.id)]
        assert [value for value in unsaid if value in said] == []


class TestRedis:
    """With the cache on."""

    LIMIT, PAGE, OUTDATE = "EVAL", "MGET", "SET"

    @pytest.mark.parametrize(
        "url",
        [
            *("/v1/todos", "/v1/todos/{todo}", "/v1/projects", "/v1/projects/{project}"),
            *("/v1/views/today", "/v1/views/upcoming"),
        ],
    )
    async def test_a_cached_read_is_one_round_trip_and_no_query(
        self, app: FastAPI, ada: Person, url: str
    ) -> None:
        todo, project = await ada.make_todo(), await ada.make_project()
        url = url.format(todo=todo["id"], project=project["id"])
        await until_cached(ada, url)

        async with statements(app) as sql:
            with redis_calls(app) as calls:
                page = await ada.get(url)
                same = await ada.get(url, headers={"If-None-Match": page.headers["etag"]})

        assert [page.headers["x-cache"], same.headers["x-cache"]] == ["hit", "hit"]
        assert same.status_code == 304
        assert sql == []
        assert calls == [[self.LIMIT, self.PAGE]] * 2

    async def test_a_read_that_is_not_cached_asks_once_before(
        self, app: FastAPI, ada: Person
    ) -> None:
        with redis_calls(app) as calls:
            assert (await ada.get("/v1/todos")).headers["x-cache"] == "miss"
        # The last is the page, which nobody waits for.
        assert calls == [[self.LIMIT, self.PAGE], ["SET"]]

    @pytest.mark.parametrize("url", ["/v1/views/overdue", "/v1/counts?by=label"])
    async def test_to_ask_for_what_is_never_kept_is_no_round_trip_of_its_own(
        self, app: FastAPI, ada: Person, url: str
    ) -> None:
        with redis_calls(app) as calls:
            assert (await ada.get(url)).headers["x-cache"] == "bypass"
        assert calls == [[self.LIMIT, self.PAGE]]

    async def test_a_write_asks_for_its_limit_and_outdates_once(
        self, app: FastAPI, ada: Person
    ) -> None:
        todo = await ada.make_todo()
        with redis_calls(app) as calls:
            await ada.client.patch(f"/v1/todos/{todo['id']}", json={"title": "Book the ship"})
        assert calls == [[self.LIMIT], [self.OUTDATE]]

    async def test_a_write_under_a_key_is_one_transaction_of_three_statements(
        self, app: FastAPI, ada: Person
    ) -> None:
        headers = {"Idempotency-Key": uuid4().hex}
        await ada.make_todo()
        async with statements(app) as sql:
            await ada.client.post("/v1/todos", json={"title": "Book"}, headers=headers)
        said = [
            statement.split()[0] for statement in sql if "todos" in statement or "keys" in statement
        ]
        assert said == ["INSERT", "WITH", "UPDATE"]
        assert [sql[0], sql[-1]] == [BEGIN, "COMMIT"]

    async def test_what_needs_no_user_and_no_limit_asks_nothing(
        self, app: FastAPI, client: AsyncClient
    ) -> None:
        with redis_calls(app) as calls:
            await client.get("/livez")
            await client.get("/.well-known/jwks.json")
        assert calls == []
