"""A principal whose token is limited to one project: for it, there is no other one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import asyncpg
import orjson
import pytest
from fastapi import FastAPI

from app.core.clock import new_id, utc_now
from app.core.context import Context, Expected
from app.core.errors import Forbidden, NotFound
from app.features.projects.errors import ProjectNotFound
from app.features.projects.permissions import seen_by
from app.features.projects.repository import ProjectRepository
from app.features.projects.schemas import ProjectCreate, ProjectQuery, ProjectUpdate
from app.features.projects.service import ProjectService
from app.features.recurrence.completion_log import CompletionLog
from app.features.routes import SCOPES
from app.features.todos.errors import ParentNotFound, SiblingNotFound
from app.features.todos.repository import TodoRepository
from app.features.todos.schemas import TodoCreate, TodoMove, TodoQuery, TodoUpdate
from app.features.todos.service import TodoService
from app.security.principal import Principal
from tests.people import Json, Person


class Rooms:
    """The services, as a request of the principal would have them."""

    def __init__(self, app: FastAPI, principal: Principal) -> None:
        self._app = app
        self._principal = principal

    @asynccontextmanager
    async def open(self) -> AsyncIterator[tuple[TodoService, ProjectService]]:
        state, seen = self._app.state, seen_by(self._principal)
        context = Context("a-request", utc_now)
        async with state.database.unit_of_work() as session:
            projects = ProjectService(
                ProjectRepository(session, seen), self._principal, context, state.cursor_signer, 10
            )
            todos, completions = TodoRepository(session, seen), CompletionLog(session)
            yield (
                TodoService(
                    todos, completions, self._principal, context, state.cursor_signer, 10, 10
                ),
                projects,
            )


@pytest.fixture
async def project(ada: Person) -> Json:
    return await ada.make_project("The one")


@pytest.fixture
def rooms(app: FastAPI, ada: Person, project: Json) -> Rooms:
    limited = Principal(ada.id, new_id(), frozenset(SCOPES), UUID(project["id"]))
    return Rooms(app, limited)


def _ids(items: list[str]) -> list[str]:
    return [orjson.loads(item)["id"] for item in items]


async def test_it_sees_only_that_project_and_what_is_in_it(
    ada: Person, project: Json, rooms: Rooms
) -> None:
    inside = await ada.make_todo(project_id=project["id"])
    outside = await ada.make_todo()

    async with rooms.open() as (todos, projects):
        assert _ids((await todos.list(TodoQuery())).items) == [inside["id"]]
        other = TodoQuery(project_id=[UUID(outside["project_id"])])
        assert _ids((await todos.list(other)).items) == []
        assert _ids((await projects.list(ProjectQuery())).items) == [project["id"]]
        assert orjson.loads((await todos.read(UUID(inside["id"]))).body) == inside
        assert orjson.loads((await projects.read(UUID(project["id"]))).body) == project
        with pytest.raises(NotFound):
            await todos.read(UUID(outside["id"]))
        with pytest.raises(NotFound):
            await projects.read(UUID(outside["project_id"]))


async def test_it_changes_only_what_is_in_that_project(
    ada: Person, project: Json, rooms: Rooms
) -> None:
    inside, outside = await ada.make_todo(project_id=project["id"]), await ada.make_todo()
    outside_id = UUID(outside["id"])

    async with rooms.open() as (todos, projects):
        stored = await todos.update(UUID(inside["id"]), TodoUpdate(title="New"), Expected())
        assert stored.version == 2
        with pytest.raises(NotFound):
            await todos.update(outside_id, TodoUpdate(title="New"), Expected())
        with pytest.raises(NotFound):
            await todos.delete(outside_id, Expected())
        with pytest.raises(NotFound):
            await todos.move(outside_id, TodoMove(first=True), Expected())
        for place, refused in (
            (TodoMove(before=outside_id), SiblingNotFound),
            (TodoMove(first=True, parent_id=outside_id), ParentNotFound),
            (TodoMove(first=True, project_id=UUID(outside["project_id"])), ProjectNotFound),
        ):
            with pytest.raises(refused):
                await todos.move(UUID(inside["id"]), place, Expected())
        moved = await todos.move(UUID(inside["id"]), TodoMove(first=True), Expected())
        assert moved.version == 2
        with pytest.raises(NotFound):
            await projects.update(
                UUID(outside["project_id"]), ProjectUpdate(name="New"), Expected()
            )
        with pytest.raises(NotFound):
            await projects.delete(UUID(outside["project_id"]), Expected())
        await todos.delete(UUID(inside["id"]), Expected())

    assert (await ada.get("/v1/todos")).json()["items"] == [outside]


async def test_it_creates_only_in_that_project(ada: Person, project: Json, rooms: Rooms) -> None:
    outside = await ada.make_todo()
    parent = await ada.make_todo(project_id=project["id"])

    async with rooms.open() as (todos, projects):
        for place in (
            TodoCreate(title="T", project_id=UUID(project["id"])),
            TodoCreate(title="T", parent_id=UUID(parent["id"])),
        ):
            created = await todos.create(place)
            assert orjson.loads(created.body)["project_id"] == project["id"]
        with pytest.raises(ProjectNotFound):
            await todos.create(TodoCreate(title="T", project_id=UUID(outside["project_id"])))
        with pytest.raises(ProjectNotFound):
            await todos.create(TodoCreate(title="T"))
        with pytest.raises(ParentNotFound):
            await todos.create(TodoCreate(title="T", parent_id=UUID(outside["id"])))
        with pytest.raises(Forbidden):
            await projects.create(ProjectCreate(name="Another"))
        with pytest.raises(Forbidden):
            await projects.create(ProjectCreate(name="Below", parent_id=UUID(project["id"])))


async def test_who_is_no_member_gets_nothing_by_a_limit(
    app: FastAPI, bob: Person, project: Json, database: asyncpg.Connection
) -> None:
    stranger = Principal(bob.id, new_id(), frozenset(SCOPES), UUID(project["id"]))

    async with Rooms(app, stranger).open() as (todos, projects):
        assert (await projects.list(ProjectQuery())).items == []
        assert (await todos.list(TodoQuery())).items == []
        with pytest.raises(ProjectNotFound):
            await todos.create(TodoCreate(title="T", project_id=UUID(project["id"])))
