"""Who may add what, where: as with any other todo."""

from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from app.core.clock import new_id
from app.core.settings import Settings
from app.features.projects.permissions import seen_by
from app.features.quick.repository import CallerRepository
from app.features.routes import SCOPES
from app.security.principal import Principal
from tests.apps import running
from tests.people import Json, Person, sign_up

URL = "/v1/todos/quick"


@pytest.fixture
async def project(ada: Person) -> Json:
    return await ada.make_project("The one")


async def test_the_quota_of_todos_holds(settings: Settings) -> None:
    async with running(settings, quota_todos=1) as app, sign_up(app) as person:
        first, second = [
            await person.client.post(URL, json={"text": "Call tomorrow"}) for _ in range(2)
        ]
        dry = await person.client.post(URL, json={"text": "Call tomorrow", "dry_run": True})
    assert first.status_code == 201
    assert second.status_code == 409
    assert second.json()["params"] == {"quota": "todos"}
    assert dry.status_code == 200


async def test_a_token_of_one_project_knows_no_other(
    app: FastAPI, ada: Person, project: Json
) -> None:
    await ada.make_project("Another")
    limited = Principal(ada.id, new_id(), frozenset(SCOPES), UUID(project["id"]))
    async with app.state.database.unit_of_work() as unit:
        caller = await CallerRepository(unit, seen_by(limited)).read(with_projects=True)
        anybody = await CallerRepository(unit, seen_by(limited)).read(with_projects=False)
    assert caller.projects == [(UUID(project["id"]), "The one")]
    assert caller.timezone == anybody.timezone == "UTC"
    assert anybody.projects == []


async def test_a_new_todo_is_a_change(
    ada: Person, project: Json, database: asyncpg.Connection
) -> None:
    made = await ada.client.post(URL, json={"text": 'Call tomorrow #"the one"'})
    row = await database.fetchrow(
        "SELECT event, project_id, actor_id FROM changes WHERE resource_id = $1",
        UUID(made.json()["todo"]["id"]),
    )
    assert row is not None
    assert tuple(row) == ("todo.created", UUID(project["id"]), ada.id)
