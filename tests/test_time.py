"""`updated_at` never goes back, whoever's clock is behind and whoever waited for whom."""

import asyncpg
import pytest

from tests.people import Person


@pytest.mark.parametrize(
    ("table", "field"), [("todos", "title"), ("projects", "name"), ("users", "display_name")]
)
async def test_a_change_is_not_older_than_the_one_before(
    ada: Person, database: asyncpg.Connection, table: str, field: str
) -> None:
    made = {
        "todos": await ada.make_todo(),
        "projects": await ada.make_project(),
        "users": {**ada.user, "id": "me"},
    }[table]
    row_id = str(ada.id) if table == "users" else made["id"]
    await database.execute(
        f"UPDATE {table} SET updated_at = '2999-01-01T00:00:00Z' WHERE id = $1::uuid", row_id
    )

    changed = await ada.client.patch(f"/v1/{table}/{made['id']}", json={field: "Something else"})

    assert changed.status_code == 200
    assert changed.json()["updated_at"] == "2999-01-01T00:00:00.000Z"


async def test_a_parent_is_not_older_than_its_change_before(
    ada: Person, database: asyncpg.Connection
) -> None:
    parent = await ada.make_todo()
    await database.execute(
        "UPDATE todos SET updated_at = '2999-01-01T00:00:00Z' WHERE id = $1::uuid", parent["id"]
    )

    await ada.make_todo(parent_id=parent["id"])

    assert (await ada.get(f"/v1/todos/{parent['id']}")).json()["updated_at"].startswith("2999")
