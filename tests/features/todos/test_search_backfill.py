"""Beside the version before, which knows no words: what it writes is found after the next split."""

from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.settings import Settings
from app.database.unit_of_work import Database
from app.features.todos.search_backfill import backfill_search_words
from tests.people import Json, Person

# Without the columns of words, as the version before writes.
_INSERT = """
INSERT INTO todos (id, project_id, depth, created_by, title, title_key, description, priority,
    due_all_day, position, subtask_count, completed_subtask_count, version, created_at, updated_at)
SELECT gen_random_uuid(), project_id, 1, created_by, 'Pay rent', 'pay rent', 'in cash', 0, false,
    'zzz', 0, 0, 1, now(), now()
FROM todos WHERE id = $1
"""
_UPDATE = "UPDATE todos SET {} = $2, version = version + 1 WHERE id = $1"


@pytest.fixture
async def todo(ada: Person) -> Json:
    return await ada.make_todo("Buy milk", description="and bread")


async def _found(person: Person, q: str) -> list[str]:
    await person.invalidate()
    return [todo["title"] for todo in await person.walk("/v1/todos", q=q)]


async def _split(settings: Settings) -> None:
    database = Database(settings)
    try:
        await backfill_search_words(database)
    finally:
        await database.close()


async def _patch(person: Person, todo: Json, **fields: Any) -> Json:
    answer = await person.client.patch(f"/v1/todos/{todo['id']}", json=fields)
    assert answer.status_code == 200, answer.text
    changed: Json = answer.json()
    return changed


async def test_what_it_adds(
    ada: Person, database: asyncpg.Connection, settings: Settings, todo: Json
) -> None:
    await database.execute(_INSERT, UUID(todo["id"]))
    assert await _found(ada, "rent") == []
    await _split(settings)
    assert await _found(ada, "rent") == await _found(ada, "cash") == ["Pay rent"]


@pytest.mark.parametrize(
    ("column", "q", "other"), [("title", "pay", "bread"), ("description", "pay", "milk")]
)
async def test_what_it_changes(
    ada: Person,
    database: asyncpg.Connection,
    settings: Settings,
    todo: Json,
    column: str,
    q: str,
    other: str,
) -> None:
    await database.execute(_UPDATE.format(column), UUID(todo["id"]), "Pay rent")
    assert await _found(ada, "milk" if column == "title" else "bread") == []
    await _split(settings)
    assert len(await _found(ada, q)) == len(await _found(ada, other)) == 1
    assert await _found(ada, "milk" if column == "title" else "bread") == []


async def test_a_change_of_what_it_wrote_loses_no_words(
    ada: Person, database: asyncpg.Connection, settings: Settings, todo: Json
) -> None:
    await database.execute(_UPDATE.format("description"), UUID(todo["id"]), "and butter")
    await _patch(ada, todo, title="Buy tea")
    await _split(settings)
    assert await _found(ada, "butter") == await _found(ada, "tea") == ["Buy tea"]

    await database.execute(_UPDATE.format("title"), UUID(todo["id"]), "Buy rum")
    await _patch(ada, todo, description="and sugar")
    await _split(settings)
    assert await _found(ada, "sugar") == await _found(ada, "rum") == ["Buy rum"]


async def test_a_text_that_changes_without_its_words_is_found_all_the_time(
    ada: Person, todo: Json
) -> None:
    for number in range(3):
        for title, description in (("buy, milk", "\u2026"), ("Buy milk!", "!")):
            version = todo["version"]
            todo = await _patch(ada, todo, title=title, description=f"{description} bread")
            assert todo["version"] == version + 1
            assert await _found(ada, "milk brea") == [title], number
            todo = await _patch(ada, todo, description=description)
            todo = await _patch(ada, todo, description=f"{description}?")
            assert await _found(ada, "buy milk") == [title]
    again = await _patch(ada, todo, title=todo["title"], description=todo["description"])
    assert again["version"] == todo["version"]
