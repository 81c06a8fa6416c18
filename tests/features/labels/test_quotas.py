"""How many labels somebody owns at most."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import Response

from app.core.settings import Settings
from tests.apps import running
from tests.people import share, sign_up


@pytest.fixture(scope="module")
async def small(settings: Settings) -> AsyncIterator[FastAPI]:
    async with running(settings, quota_labels=3) as app:
        yield app


def _is_refused(response: Response) -> bool:
    refused = (response.status_code, response.json()["code"]) == (409, "quota_exceeded")
    return refused and response.json()["params"] == {"quota": "labels"}


async def test_those_that_are_made_and_those_that_are_put_on_a_todo_count(small: FastAPI) -> None:
    async with sign_up(small) as ada:
        label = await ada.make_label("a")
        todo = await ada.make_todo(labels=["b"])
        url = f"/v1/todos/{todo['id']}"
        new = {"title": "New", "labels": ["A", "c", "d"]}
        assert _is_refused(await ada.client.post("/v1/todos", json=new))
        assert _is_refused(await ada.client.patch(url, json={"labels": ["c", "d"]}))
        assert len((await ada.get("/v1/todos")).json()["items"]) == 1
        assert (await ada.client.patch(url, json={"labels": ["a", "b", "c"]})).is_success
        assert _is_refused(await ada.client.patch(url, json={"labels": ["d"]}))
        assert _is_refused(await ada.client.post("/v1/labels", json={"name": "d"}))
        # Those that are there may still be put on, and one that is deleted leaves room.
        assert (await ada.make_todo(labels=["a", "b", "c"]))["labels"] == ["a", "b", "c"]
        assert (await ada.client.delete(f"/v1/labels/{label['id']}")).status_code == 204
        assert (await ada.make_todo(labels=["d"]))["labels"] == ["d"]


async def test_it_is_that_of_the_project_s_owner(
    small: FastAPI, database: asyncpg.Connection
) -> None:
    async with sign_up(small) as ada, sign_up(small, "Bob") as bob:
        project = await ada.make_project()
        await share(database, project, bob)
        for name in ("a", "b", "c"):
            await ada.make_label(name)
        new = {"title": "New", "project_id": project["id"], "labels": ["d"]}
        assert _is_refused(await bob.client.post("/v1/todos", json=new))
        assert (await bob.make_todo(labels=["d"]))["labels"] == ["d"]
