"""Who may restore and purge what, and who learns that it is in the trash."""

from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI

from app.core.settings import Settings
from tests.apps import client_of, running
from tests.features.trash.trashing import address, lasting, restore, trash, trashed
from tests.people import Json, Person, share
from tests.roundtrips import statements


async def statuses(person: Person, row: Json) -> tuple[int, int]:
    """Of a restore and a purge that are refused."""
    restored = await person.client.post(f"{address(row)}/restore")
    purged = await person.client.delete(f"/v1/trash/{row['id']}")
    return restored.status_code, purged.status_code


@pytest.mark.parametrize(
    ("role", "todo_answers", "project_answers", "sees"),
    [
        ("editor", (200, 404), (403, 403), True),
        ("viewer", (403, 403), (403, 403), False),
        (None, (404, 404), (404, 404), False),
    ],
)
async def test_by_role(
    ada: Person,
    bob: Person,
    database: asyncpg.Connection,
    role: str | None,
    todo_answers: Any,
    project_answers: Any,
    sees: bool,
) -> None:
    garden, shed = await ada.make_project("Garden"), await ada.make_project("Shed")
    todo = await ada.make_todo(project_id=garden["id"])
    if role is not None:
        for project in (garden, shed):
            await share(database, project, bob, role)
    await trash(ada, todo, shed)
    assert await trashed(ada) == [shed["id"], todo["id"]]
    assert await trashed(bob) == ([todo["id"]] if sees else [])
    if sees:
        assert (await bob.client.delete(f"/v1/trash/{todo['id']}")).status_code == 403
    assert await statuses(bob, todo) == todo_answers
    assert await statuses(bob, shed) == project_answers
    # Emptying the trash takes what is one's own.
    assert (await bob.client.delete("/v1/trash")).status_code == 204
    assert await trashed(ada) == ([shed["id"]] if sees else [shed["id"], todo["id"]])


async def test_of_an_archived_project(ada: Person) -> None:
    garden = await ada.make_project()
    todo = await ada.make_todo(project_id=garden["id"])
    await trash(ada, todo)
    url = f"/v1/projects/{garden['id']}"
    assert (await ada.client.patch(url, json={"archived": True})).is_success
    assert await trashed(ada) == []
    answer = await ada.client.post(f"{address(todo)}/restore")
    assert (answer.status_code, answer.json()["code"]) == (403, "project_archived")
    # In the trash it is not read-only any more: it is left.
    await trash(ada, garden)
    assert await trashed(ada) == [garden["id"], todo["id"]]
    assert (await restore(ada, todo))["project_id"] == (await ada.inbox())["id"]
    archived = await restore(ada, garden)
    assert archived["archived"] is True


async def test_an_editor_takes_it_to_his_own_inbox(
    app: FastAPI, ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    garden = await ada.make_project()
    await share(database, garden, bob)
    todo = await ada.make_todo(project_id=garden["id"], labels=["Errands"])
    below = await ada.make_todo(parent_id=todo["id"], labels=["Errands", "Tools"])
    await bob.make_label("errands")
    await trash(ada, todo, garden)
    assert await trashed(bob) == [todo["id"]]
    async with statements(app) as sql:
        restored = await restore(bob, todo)
    # No restore costs more: locks of projects, labels of the new owner, the rows, the change.
    assert sql.index("COMMIT") == 5
    assert restored["project_id"] == (await bob.inbox())["id"]
    # As his labels have them.
    assert restored["labels"] == ["errands"]
    low = (await bob.get(address(below))).json()
    assert lasting(low) == {
        **lasting(below),
        "project_id": restored["project_id"],
        "labels": ["errands", "Tools"],
    }
    assert (await ada.get(address(todo))).status_code == 404
    assert {label["name"] for label in await bob.walk("/v1/labels")} == {"errands", "Tools"}


async def test_of_whom_it_was_taken_learns_nothing(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    garden = await ada.make_project()
    await share(database, garden, bob)
    todo = await ada.make_todo(project_id=garden["id"])
    await trash(ada, todo)
    assert await trashed(bob) == [todo["id"]]
    await database.execute(
        "DELETE FROM project_members WHERE user_id = $1 AND role = 'editor'", bob.id
    )
    await bob.invalidate()
    assert await trashed(bob) == []
    assert await statuses(bob, todo) == (404, 404)


async def test_a_full_account_takes_no_more(
    settings: Settings, ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    garden = await ada.make_project()
    await share(database, garden, bob)
    todo = await ada.make_todo(project_id=garden["id"])
    await ada.make_todo(parent_id=todo["id"])
    await trash(ada, todo, garden)
    async with (
        running(settings, quota_todos=1) as full,
        client_of(full, bob.tokens["access_token"]) as client,
    ):
        answer = await client.post(f"{address(todo)}/restore")
    assert (answer.status_code, answer.json()["params"]) == (409, {"quota": "todos"})
    # To whom it counts already, it comes back.
    assert (await restore(ada, todo))["id"] == todo["id"]
