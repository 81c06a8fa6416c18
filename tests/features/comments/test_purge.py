"""What erases a comment erases what `changes` quotes of it, and nobody else's."""

from uuid import UUID

import asyncpg
import pytest

from app.core.settings import Settings
from app.database.unit_of_work import Database
from app.features.comments.purge import purge_comments
from app.features.todos.purge import purge_todos
from tests.people import Json, Person


async def _counts(database: asyncpg.Connection, comments: list[Json]) -> tuple[int, int]:
    """The rows of these comments, and the changes that are of them."""
    ids = [UUID(comment["id"]) for comment in comments]
    rows = "SELECT count(*) FROM comments WHERE id = ANY($1)"
    said = "SELECT count(*) FROM changes WHERE resource_id = ANY($1)"
    return await database.fetchval(rows, ids), await database.fetchval(said, ids)


async def _make(person: Person, count: int, **fields: str) -> list[Json]:
    """On two todos; one is deleted, and its changes are two."""
    todos = [await person.make_todo(**fields) for _ in range(2)]
    comments = [await person.make_comment(todos[n % 2]) for n in range(count)]
    url = f"/v1/todos/{todos[0]['id']}/comments/{comments[0]['id']}"
    assert (await person.client.delete(url)).status_code == 204
    return comments


@pytest.mark.parametrize("batch", [1, 2, 100])
async def test_some_at_a_time(
    settings: Settings, ada: Person, database: asyncpg.Connection, batch: int
) -> None:
    project = await ada.make_project()
    comments, others = await _make(ada, 5, project_id=project["id"]), await _make(ada, 2)
    base = Database(settings)
    assert await purge_comments(base, UUID(project["id"]), batch) == 5
    assert await purge_comments(base, UUID(project["id"]), batch) == 0
    await base.close()
    assert await _counts(database, comments) == (0, 0)
    assert await _counts(database, others) == (2, 3)


async def test_they_go_with_their_todos(
    settings: Settings, ada: Person, database: asyncpg.Connection
) -> None:
    """Also where who purges the todos knows none of them, as the version before."""
    project = await ada.make_project()
    comments = await _make(ada, 5, project_id=project["id"])
    base = Database(settings)
    assert await purge_todos(base, UUID(project["id"])) == 2
    await base.close()
    assert await _counts(database, comments) == (0, 0)
