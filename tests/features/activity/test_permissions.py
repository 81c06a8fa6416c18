"""What happened is shown to who sees the project in which it did, wherever the todo is now."""

from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from app.core.errors import NotFound
from app.features.activity.repository import ActivityRepository
from app.features.activity.schemas import ActivityQuery
from app.features.activity.service import ActivityService
from app.features.projects.permissions import seen_by
from app.features.routes import SCOPES
from app.security.principal import Principal
from tests.people import Json, Person, share


async def activity(person: Person, row: Json) -> list[Json]:
    """Of a todo or a project, in pages of two."""
    kind = "todos" if "title" in row else "projects"
    return await person.walk(f"/v1/{kind}/{row['id']}/activity", limit=2)


async def move(person: Person, todo: Json, **place: object) -> None:
    response = await person.client.post(f"/v1/todos/{todo['id']}/move", json=place)
    assert response.is_success, response.text


async def _patch(person: Person, todo: Json, **fields: object) -> None:
    response = await person.client.patch(f"/v1/todos/{todo['id']}", json=fields)
    assert response.is_success, response.text


async def test_of_what_is_not_seen_there_is_none(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo(project_id=project["id"])
    urls = [f"/v1/todos/{todo['id']}/activity", f"/v1/projects/{project['id']}/activity"]
    for url in urls:
        answer = await bob.get(url)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    await share(database, project, bob, "viewer")
    for url in urls:
        assert (await bob.get(url)).json() == (await ada.get(url)).json()
    await ada.client.delete(f"/v1/todos/{todo['id']}")
    assert [(await ada.get(url)).status_code for url in urls] == [404, 200]
    await ada.client.delete(f"/v1/projects/{project['id']}")
    assert (await ada.get(urls[1])).status_code == 404


async def test_of_an_archived_project_it_is_read(ada: Person) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo(project_id=project["id"])
    await ada.client.patch(f"/v1/projects/{project['id']}", json={"archived": True})
    assert len(await activity(ada, todo)) == 1
    assert len(await activity(ada, project)) == 3


async def test_what_happened_elsewhere_is_of_who_sees_that(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    """A todo that was written and commented on in one project, went to another, and back."""
    secret, open_ = await ada.make_project("Secret"), await ada.make_project("Open")
    await share(database, open_, bob)
    parent = await ada.make_todo(project_id=secret["id"])
    todo = await ada.make_todo("Secret", project_id=secret["id"], parent_id=parent["id"])
    await ada.make_comment(todo, "Secret too")
    await move(ada, todo, last=True, project_id=open_["id"])
    await _patch(bob, todo, title="Open")
    await bob.make_comment(todo, "Open too")

    mine = [item["event"] for item in await activity(ada, todo)]
    moves = ["todo.moved", "todo.moved"]
    assert mine == [
        "comment.created", "todo.updated", *moves, "comment.created", "todo.created",
    ]  # fmt: skip
    for seen in (await activity(bob, todo), (await activity(bob, open_))[:3]):
        assert [item["event"] for item in seen] == ["comment.created", "todo.updated", "todo.moved"]
        assert "Secret" not in str([item["changes"] for item in seen[2:]])
        came = seen[2]["changes"]
        assert came["project_id"] == {"from": None, "to": open_["id"]}
        assert {change["from"] for change in came.values()} == {None}
    arrival = next(i for i in await activity(ada, open_) if i["event"] == "todo.moved")
    assert arrival["changes"]["project_id"] == {"from": secret["id"], "to": open_["id"]}
    assert arrival["changes"]["parent_id"] == {"from": parent["id"], "to": None}

    await move(ada, todo, last=True, project_id=secret["id"])
    await _patch(ada, todo, title="Secret again")
    assert (await bob.get(f"/v1/todos/{todo['id']}/activity")).status_code == 404
    left = (await activity(bob, open_))[0]
    assert (left["event"], left["changes"]) == (
        "todo.moved",
        {"project_id": {"from": open_["id"], "to": None}},
    )
    # And it is all there for who sees both.
    assert len(await activity(ada, todo)) == 9


async def test_new_positions_by_others_moves_are_none(
    ada: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    low, high, moved = [await ada.make_todo(project_id=project["id"]) for _ in range(3)]
    # Between a text and itself with a zero there is no place.
    for todo, position in ((low, "V123456789"), (high, "V1234567890")):
        await database.execute(
            "UPDATE todos SET position = $2 WHERE id = $1", UUID(todo["id"]), position
        )
    await move(ada, moved, after=low["id"])

    versions = [
        (await ada.get(f"/v1/todos/{each['id']}")).json()["version"] for each in (low, high)
    ]
    assert sorted(versions) != [1, 1]
    told = "SELECT count(*) FROM changes WHERE project_id = $1 AND incidental"
    assert await database.fetchval(told, UUID(project["id"])) > 0
    items = await activity(ada, project)
    moves = [item["resource_id"] for item in items if item["event"] == "todo.moved"]
    assert moves == [moved["id"]]
    page = await ada.get(f"/v1/projects/{project['id']}/activity?include_total=true")
    assert page.json()["total"] == len(items)
    for todo, count in ((low, 1), (high, 1), (moved, 2)):
        url = f"/v1/todos/{todo['id']}/activity?include_total=true"
        page = await ada.get(url)
        assert (len(page.json()["items"]), page.json()["total"]) == (count, count)


async def test_somebody_elses_order_of_projects_is_none(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    projects = [await ada.make_project(name) for name in "abc"]
    for project in projects:
        await share(database, project, bob, "viewer")
    url = f"/v1/projects/{projects[2]['id']}"
    assert (await bob.client.post(f"{url}/move", json={"first": True})).is_success
    assert [item["event"] for item in await activity(ada, projects[2])] == ["project.created"]
    mine = [item["event"] for item in await activity(bob, projects[2])]
    assert mine == ["project.moved", "project.created"]
    # Where it is below another one, its place is everybody's.
    below = {"last": True, "parent_id": projects[0]["id"]}
    assert (await ada.client.post(f"{url}/move", json=below)).is_success
    assert (await activity(bob, projects[2]))[0]["changes"]["parent_id"]["to"] == projects[0]["id"]


async def test_a_token_of_one_project_has_what_happened_there(app: FastAPI, ada: Person) -> None:
    project, other = await ada.make_project(), await ada.make_project()
    todo = await ada.make_todo(project_id=other["id"])
    await move(ada, todo, last=True, project_id=project["id"])
    elsewhere = await ada.make_todo()
    principal = Principal(
        ada.id, session_id=ada.id, scopes=frozenset(SCOPES), project_id=UUID(project["id"])
    )
    state, query = app.state, ActivityQuery()
    repository = ActivityRepository(state.database.primary, seen_by(principal))
    service = ActivityService(repository, principal, state.cursor_signer)
    assert len((await service.of_todo(UUID(todo["id"]), query)).items) == 1
    assert len((await service.of_project(UUID(project["id"]), query)).items) == 2
    for refused in (
        service.of_todo(UUID(elsewhere["id"]), query),
        service.of_project(UUID(other["id"]), query),
    ):
        with pytest.raises(NotFound):
            await refused
