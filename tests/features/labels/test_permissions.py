"""Who sees a label, and who changes it."""

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
from app.features.labels.repository import LabelRepository
from app.features.labels.schemas import LabelCreate, LabelQuery, LabelUpdate
from app.features.labels.service import LabelService
from app.features.projects.permissions import seen_by
from app.features.routes import SCOPES
from app.features.todos.relabelling import LabelledTodos
from app.security.principal import Principal
from tests.people import Json, Person, share


async def _names(person: Person, project: Json | None = None) -> list[str]:
    params = {"sort": "name"} | ({} if project is None else {"project_id": project["id"]})
    return [label["name"] for label in await person.walk("/v1/labels", limit=1, **params)]


async def _url(person: Person, name: str) -> str:
    labels = await person.walk("/v1/labels")
    return next(f"/v1/labels/{label['id']}" for label in labels if label["name"] == name)


async def _statuses(person: Person, url: str) -> list[int]:
    client = person.client
    answers = [await person.get(url), await client.patch(url, json={"name": "x"})]
    return [answer.status_code for answer in (*answers, await client.delete(url))]


async def test_a_label_is_its_owner_s_and_of_whoever_sees_a_todo_with_it(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    shared, other = await ada.make_project("Shared"), await ada.make_project("Other")
    await ada.make_todo(project_id=shared["id"], labels=["a", "both"])
    await ada.make_todo(project_id=other["id"], labels=["b", "both"])
    gone = await ada.make_todo(project_id=shared["id"], labels=["gone"])
    assert (await ada.client.delete(f"/v1/todos/{gone['id']}")).status_code == 204
    urls = {name: await _url(ada, name) for name in ("a", "b", "both", "gone")}
    for url in urls.values():
        assert await _statuses(bob, url) == [404, 404, 404]

    await share(database, shared, bob)

    for name, status in (("a", (200, 403, 403)), ("both", (200, 403, 403)), ("b", (404,) * 3)):
        assert await _statuses(bob, urls[name]) == [*status]
    assert await _statuses(bob, urls["gone"]) == [404, 404, 404]
    assert await _names(bob) == []
    assert await _names(bob, shared) == await _names(ada, shared) == ["a", "both"]
    assert await _names(bob, other) == []
    assert await _names(ada) == ["a", "b", "both", "gone"]


async def test_of_an_archived_project_they_are_seen_and_of_a_deleted_one_not(ada: Person) -> None:
    project = await ada.make_project()
    url = f"/v1/projects/{project['id']}"
    await ada.make_todo(project_id=project["id"], labels=["a"])
    assert (await ada.client.patch(url, json={"archived": True})).is_success
    assert await _names(ada, project) == ["a"]
    assert (await ada.client.delete(url)).status_code == 204
    assert await _names(ada, project) == []
    assert await _names(ada) == ["a"]


async def test_a_project_of_somebody_else_has_that_one_s_labels(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    await share(database, project, bob)
    await bob.make_label("home")
    await bob.make_todo(project_id=project["id"], labels=["Home"])
    assert (await _names(bob, project), await _names(bob)) == (["Home"], ["home"])


class Limited:
    """The service, as a request would have it whose token is limited to one project."""

    def __init__(self, app: FastAPI, person: Person, project: Json) -> None:
        self._app = app
        self._principal = Principal(person.id, new_id(), frozenset(SCOPES), UUID(project["id"]))

    @asynccontextmanager
    async def service(self) -> AsyncIterator[LabelService]:
        async with self._app.state.database.unit_of_work() as unit:
            yield LabelService(
                LabelRepository(unit, seen_by(self._principal)),
                LabelledTodos(unit),
                self._principal,
                Context("a-request", utc_now),
                self._app.state.cursor_signer,
                10,
            )

    async def names(self, **query: UUID) -> list[str]:
        async with self.service() as labels:
            page = await labels.list(LabelQuery(sort="name", **query))
        return [orjson.loads(item)["name"] for item in page.items]


async def test_a_token_that_is_limited_to_a_project_sees_that_one_s_and_changes_none(
    app: FastAPI, ada: Person
) -> None:
    project, other = await ada.make_project("The one"), await ada.make_project("Other")
    await ada.make_todo(project_id=project["id"], labels=["a"])
    await ada.make_todo(project_id=other["id"], labels=["b"])
    inside, outside = [await _url(ada, name) for name in ("a", "b")]
    limited = Limited(app, ada, project)

    assert await limited.names() == await limited.names(project_id=UUID(project["id"])) == ["a"]
    assert await limited.names(project_id=UUID(other["id"])) == []
    for url, error in ((inside, Forbidden), (outside, NotFound)):
        label_id = UUID(url.rpartition("/")[2])
        async with limited.service() as labels:
            if error is NotFound:
                with pytest.raises(NotFound):
                    await labels.read(label_id)
            else:
                assert (await labels.read(label_id)).id == label_id
            with pytest.raises(error):
                await labels.update(label_id, LabelUpdate(name="x"), Expected())
            with pytest.raises(error):
                await labels.delete(label_id, Expected())
    async with limited.service() as labels:
        with pytest.raises(Forbidden):
            await labels.create(LabelCreate(name="new"))
    assert await _names(ada) == ["a", "b"]
