"""How many projects somebody owns at most."""

from collections.abc import AsyncIterator
from uuid import uuid4

import asyncpg
import pytest
from fastapi import FastAPI

from app.core.settings import Settings
from tests.apps import running
from tests.people import Person, share, sign_up


@pytest.fixture(scope="module")
async def small(settings: Settings) -> AsyncIterator[FastAPI]:
    async with running(settings, quota_projects=3) as app:
        yield app


async def refused(person: Person, **fields: str) -> None:
    response = await person.client.post("/v1/projects", json={"name": "Garden", **fields})
    assert (response.status_code, response.json()["code"]) == (409, "quota_exceeded")
    assert response.json()["params"] == {"quota": "projects"}


async def test_the_inbox_and_deleted_ones_count(small: FastAPI) -> None:
    async with sign_up(small) as ada:
        garden = await ada.make_project()
        below = await ada.make_project(parent_id=garden["id"])
        await refused(ada)
        await refused(ada, parent_id=garden["id"])
        await ada.client.delete(f"/v1/projects/{below['id']}")
        await refused(ada)


async def test_those_of_others_do_not(
    small: FastAPI, bob: Person, database: asyncpg.Connection
) -> None:
    async with sign_up(small) as ada:
        for _ in range(3):
            await share(database, await bob.make_project(), ada)
        for _ in range(2):
            await ada.make_project()
        await refused(ada)


async def test_what_was_made_under_a_key_is_answered_again(small: FastAPI) -> None:
    async with sign_up(small) as ada:
        await ada.make_project()
        sent = {"json": {"name": "Garden"}, "headers": {"Idempotency-Key": uuid4().hex}}
        first = await ada.client.post("/v1/projects", **sent)  # type: ignore[arg-type]
        await refused(ada)
        again = await ada.client.post("/v1/projects", **sent)  # type: ignore[arg-type]
        assert (again.status_code, again.json()) == (201, first.json())
