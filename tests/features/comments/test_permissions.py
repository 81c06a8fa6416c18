"""Who reads comments, who writes them, and whose they are."""

from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import Response

from app.core.clock import utc_now
from app.core.context import Context, Expected
from app.core.errors import NotFound
from app.features.comments.repository import CommentRepository
from app.features.comments.schemas import CommentCreate, CommentQuery, CommentUpdate
from app.features.comments.service import CommentService
from app.features.projects.permissions import seen_by
from app.features.routes import SCOPES
from app.security.principal import Principal
from tests.people import Json, Person, share, sign_up


async def _each(person: Person, comment: Json) -> list[Response]:
    """Listed, read, made, changed and deleted."""
    listed = f"/v1/todos/{comment['todo_id']}/comments"
    url = f"{listed}/{comment['id']}"
    return [
        await person.get(listed),
        await person.get(url),
        await person.client.post(listed, json={"body": "x"}),
        await person.client.patch(url, json={"body": "x"}),
        await person.client.delete(url),
    ]


async def _statuses(person: Person, comment: Json) -> list[int]:
    return [answer.status_code for answer in await _each(person, comment)]


async def test_anothers_are_404(ada: Person, bob: Person) -> None:
    comment = await ada.make_comment(await ada.make_todo())
    answers = await _each(bob, comment)
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {
        (404, "not_found")
    }
    listed = (await ada.get(f"/v1/todos/{comment['todo_id']}/comments")).json()["items"]
    assert listed == [comment]


async def test_a_viewer_reads_them_and_writes_none(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    await share(database, project, bob)
    todo = await ada.make_todo(project_id=project["id"])
    # Also what one wrote as an editor.
    for comment in (await ada.make_comment(todo), await bob.make_comment(todo)):
        await database.execute(
            "UPDATE project_members SET role = 'viewer' WHERE user_id = $1", bob.id
        )
        await bob.invalidate()
        assert await _statuses(bob, comment) == [200, 200, 403, 403, 403]
        assert (await _each(bob, comment))[2].json()["code"] == "forbidden"
        await database.execute(
            "UPDATE project_members SET role = 'editor' WHERE user_id = $1 AND role = 'viewer'",
            bob.id,
        )


async def test_the_author_edits_and_the_author_or_the_owner_deletes(
    app: FastAPI, ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo(project_id=project["id"])
    async with sign_up(app, "Carol") as carol:
        for person in (bob, carol):
            await share(database, project, person)
        by_ada, by_bob = await ada.make_comment(todo), await bob.make_comment(todo)
        assert by_bob["author_id"] == str(bob.id)
        assert await _statuses(carol, by_bob) == [200, 200, 201, 403, 403]
        assert await _statuses(bob, by_ada) == [200, 200, 201, 403, 403]
        assert await _statuses(ada, by_bob) == [200, 200, 201, 403, 204]
        by_bob = await bob.make_comment(todo)
        assert await _statuses(bob, by_bob) == [200, 200, 201, 200, 204]


async def test_an_archived_project_is_read_only(ada: Person) -> None:
    project = await ada.make_project()
    comment = await ada.make_comment(await ada.make_todo(project_id=project["id"]))
    await ada.client.patch(f"/v1/projects/{project['id']}", json={"archived": True})
    answers = await _each(ada, comment)
    assert [answer.status_code for answer in answers[:2]] == [200, 200]
    assert {answer.json()["code"] for answer in answers[2:]} == {"project_archived"}


@pytest.mark.parametrize("gone", ["todos", "projects"])
async def test_of_what_is_deleted_there_are_none(ada: Person, gone: str) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo(project_id=project["id"])
    comment = await ada.make_comment(todo)
    deleted = {"todos": todo, "projects": project}[gone]
    assert (await ada.client.delete(f"/v1/{gone}/{deleted['id']}")).status_code == 204
    assert await _statuses(ada, comment) == [404] * 5


async def test_they_go_with_the_todo(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    here, there = await ada.make_project(), await ada.make_project()
    await share(database, here, bob)
    todo = await ada.make_todo(project_id=here["id"])
    comment = await bob.make_comment(todo)
    move = {"last": True, "project_id": there["id"]}
    assert (await ada.client.post(f"/v1/todos/{todo['id']}/move", json=move)).is_success
    assert await _statuses(bob, comment) == [404] * 5
    assert await _statuses(ada, comment) == [200, 200, 201, 403, 204]


async def test_a_token_of_one_project_has_those_on_its_todos(app: FastAPI, ada: Person) -> None:
    project = await ada.make_project()
    mine = await ada.make_comment(await ada.make_todo(project_id=project["id"]))
    other = await ada.make_comment(await ada.make_todo())
    principal = Principal(
        ada.id, session_id=ada.id, scopes=frozenset(SCOPES), project_id=UUID(project["id"])
    )
    state, context, expected = app.state, Context("a-request", utc_now), Expected()
    async with state.database.unit_of_work() as unit:
        service = CommentService(
            CommentRepository(unit, seen_by(principal)), principal, context, state.cursor_signer, 9
        )
        todo_id, comment_id = UUID(other["todo_id"]), UUID(other["id"])
        for refused in (
            service.list(todo_id, CommentQuery()),
            service.read(todo_id, comment_id),
            service.create(todo_id, CommentCreate(body="x")),
            service.update(todo_id, comment_id, CommentUpdate(body="x"), expected),
            service.delete(todo_id, comment_id, expected),
        ):
            with pytest.raises(NotFound):
                await refused
        todo_id = UUID(mine["todo_id"])
        await service.create(todo_id, CommentCreate(body="x"))
        assert len((await service.list(todo_id, CommentQuery())).items) == 2
