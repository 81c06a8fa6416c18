"""Writes by one statement, whatever a table's columns are."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import orjson
import pytest
from fastapi import FastAPI
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Integer,
    MetaData,
    Table,
    Text,
    Uuid,
    bindparam,
    cast,
    false,
    null,
    select,
)
from sqlalchemy.dialects.postgresql import array

from app.core.clock import new_id
from app.core.settings import Settings
from app.database.row_changes import Resource, RowChange
from app.database.unit_of_work import UnitOfWork
from app.features.projects.statements import PROJECTS
from app.features.todos.sql.writes import LOCK, TODOS
from app.features.users.repository import USERS
from tests import servers
from tests.people import Person, share

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
BOOKS = Resource(
    "book",
    Table(
        "books",
        MetaData(),
        Column("id", Uuid, primary_key=True),
        Column("title", Text),
        Column("estimated_minutes", Integer),
        Column("is_read", Boolean),
        Column("version", Integer),
        Column("created_at", DateTime(timezone=True)),
        Column("updated_at", DateTime(timezone=True)),
    ),
    lambda row: [row.c.id, row.c.version, row.c.title, row.c.estimated_minutes, row.c.is_read],
    project_id=lambda _: cast(null(), Uuid),
    affected_users=lambda document: array([document.c.id]),
    has_changes=False,
)
INSERT, UPDATE = BOOKS.insert(), BOOKS.update()
UPDATE_AND_ANSWER_ONE = BOOKS.update(answered=bindparam("answered", type_=Uuid))
MOVE = TODOS.update(answered=bindparam("answered", type_=Uuid), moves=True)
INSERT_NOWHERE = BOOKS.insert(select(null().label("shelf")).where(false()).cte("place"))


@pytest.fixture
async def books(settings: Settings) -> AsyncIterator[asyncpg.Connection]:
    connection = await servers.connect(settings.migration_url)
    await connection.execute(
        "CREATE TEMP TABLE books (id uuid PRIMARY KEY, title text, estimated_minutes int, "
        "is_read boolean, version int, created_at timestamptz, updated_at timestamptz)"
    )
    yield connection
    await connection.close()


async def _insert(books: asyncpg.Connection, **values: Any) -> Any:
    book = {"id": new_id(), **values}
    params = {"given": BOOKS.inserted(book, NOW)}
    await books.fetch(INSERT.sql, *INSERT.arguments(params))
    return book["id"]


async def _update(books: asyncpg.Connection, *changes: RowChange) -> dict[Any, Any]:
    params = {"given": BOOKS.changed(changes), "now": NOW}
    rows = await books.fetch(UPDATE.sql, *UPDATE.arguments(params))
    return {row["id"]: orjson.loads(row["body"]) for row in rows}


async def test_what_is_given_is_set_and_all_else_stays(books: asyncpg.Connection) -> None:
    book = await _insert(books, title="Emma", estimated_minutes=600)
    other = await _insert(books, title="Persuasion", is_read=True)

    after = await _update(
        books,
        RowChange(book, "book.updated", {"estimated_minutes": None, "is_read": False}),
        RowChange(other, "book.updated", {"title": "Evelina"}),
    )

    assert [list(row.values())[1:] for row in (after[book], after[other])] == [
        [2, "Emma", None, False],
        [2, "Evelina", None, True],
    ]


async def test_all_rows_are_changed_where_one_is_answered(books: asyncpg.Connection) -> None:
    ids = [await _insert(books, title="Emma") for _ in range(3)]
    given = BOOKS.changed([RowChange(book, "book.updated", {"is_read": True}) for book in ids])
    params = {"given": given, "now": NOW, "answered": ids[1]}
    rows = await books.fetch(UPDATE_AND_ANSWER_ONE.sql, *UPDATE_AND_ANSWER_ONE.arguments(params))

    assert [row["id"] for row in rows] == [ids[1]]
    assert await books.fetchval("SELECT count(*) FROM books WHERE is_read") == 3


async def test_nothing_is_inserted_where_there_is_no_place(books: asyncpg.Connection) -> None:
    params = {"given": BOOKS.inserted({"id": new_id()}, NOW)}
    assert await books.fetch(INSERT_NOWHERE.sql, *INSERT_NOWHERE.arguments(params)) == []
    assert await books.fetchval("SELECT count(*) FROM books") == 0


def test_what_an_update_would_pass_over_is_an_error() -> None:
    book = new_id()
    with pytest.raises(ValueError, match="no event of a book"):
        BOOKS.changed([RowChange(book, "todo.updated", {})])
    with pytest.raises(ValueError, match="once"):
        BOOKS.changed([RowChange(book, f"book.{event}", {}) for event in ("updated", "read")])


def test_a_value_that_is_no_json_is_an_error() -> None:
    with pytest.raises(TypeError):
        BOOKS.changed([RowChange(new_id(), "book.updated", {"title": object()})])


class TestMove:
    """A todo's place is of columns that foreign keys may refer to."""

    @staticmethod
    async def moved(app: FastAPI, person: Person, *changes: RowChange) -> UnitOfWork:
        """The changes, in one statement, as a service makes them."""
        unit: UnitOfWork = app.state.database.unit_of_work(account=person.id)
        async with unit:
            for change in changes:
                seen = {"principal_id": person.id, "principal_project_id": None}
                assert await unit.fetch_all(LOCK, **seen, id=change.id)
            [row] = await unit.fetch_all(
                MOVE,
                given=TODOS.changed(changes, moves=True),
                answered=changes[0].id,
                actor_id=person.id,
                request_id="move",
                now=NOW,
            )
            assert row["id"] == changes[0].id
        return unit

    async def test_is_a_change_of_a_row_like_any_other(
        self, app: FastAPI, ada: Person, database: asyncpg.Connection
    ) -> None:
        names = ("Pack", "Book", "Leave")
        pack, book, leave = [await ada.make_todo(name) for name in names]
        change = RowChange(UUID(leave["id"]), "todo.updated", {"position": "!", "title": "Go"})
        await self.moved(app, ada, change)

        inbox = await ada.inbox()
        url = f"/v1/todos?project_id={inbox['id']}&sort=position"
        listed = (await ada.get(url)).json()["items"]
        assert [todo["id"] for todo in listed] == [leave["id"], pack["id"], book["id"]]
        assert (listed[0]["title"], listed[0]["version"]) == ("Go", 2)
        recorded = await database.fetchrow(
            "SELECT event, changed FROM changes WHERE resource_id = $1 AND event = 'todo.updated'",
            change.id,
        )
        assert recorded is not None
        assert orjson.loads(recorded["changed"]).keys() >= {"title"}

    async def test_of_a_tree_to_another_project_is_one_statement(
        self, app: FastAPI, ada: Person, bob: Person, database: asyncpg.Connection
    ) -> None:
        garden, house = await ada.make_project("Garden"), await ada.make_project("House")
        await share(database, garden, bob)
        below = await ada.make_todo("Wall", project_id=house["id"])
        todo = await ada.make_todo("Paint", project_id=garden["id"])
        subtask = await ada.make_todo("Brush", parent_id=todo["id"])
        places = [(todo, below, 2), (subtask, todo, 3)]
        changes = [
            RowChange(
                UUID(one["id"]),
                "todo.updated",
                {"project_id": house["id"], "parent_id": parent["id"], "depth": depth},
            )
            for one, parent, depth in places
        ]
        unit = await self.moved(app, ada, *changes)

        for one, parent, _ in places:
            after = (await ada.get(f"/v1/todos/{one['id']}")).json()
            assert (after["project_id"], after["parent_id"]) == (house["id"], parent["id"])
        # Who saw it where it was reads nothing older either.
        assert unit._affected_users == {ada.id, bob.id}
        assert (await bob.client.get(f"/v1/todos/{todo['id']}")).status_code == 404

    def test_is_no_change_that_any_update_makes(self) -> None:
        change = RowChange(new_id(), "todo.updated", {"position": "!"})
        with pytest.raises(ValueError, match="position"):
            TODOS.changed([change])
        with pytest.raises(ValueError, match="id"):
            TODOS.changed([RowChange(new_id(), "todo.updated", {"id": new_id()})], moves=True)
        with pytest.raises(ValueError, match="no event"):
            TODOS.changed([RowChange(new_id(), None, {"title": "Go"})])

    async def test_without_an_event_is_seen_by_nobody(
        self, app: FastAPI, ada: Person, database: asyncpg.Connection
    ) -> None:
        told, silent = await ada.make_todo("Told"), await ada.make_todo("Silent")
        changes = [
            RowChange(UUID(todo["id"]), event, {"position": f"!{todo['title']}"})
            for todo, event in ((told, "todo.moved"), (silent, None))
        ]
        await self.moved(app, ada, *changes)
        after = (await ada.get(f"/v1/todos/{silent['id']}")).json()
        assert after == {**silent, "position": "!Silent"}
        assert (await ada.get(f"/v1/todos/{told['id']}")).json()["version"] == 2
        rows = "SELECT count(*) FROM changes WHERE resource_id = $1"
        assert await database.fetchval(rows, UUID(silent["id"])) == 1

    async def test_is_told_in_the_project_it_left_with_nothing_of_the_other(
        self, app: FastAPI, ada: Person, database: asyncpg.Connection
    ) -> None:
        garden, house = await ada.make_project("Garden"), await ada.make_project("House")
        todo = await ada.make_todo("Paint", project_id=garden["id"])
        values = {"project_id": house["id"], "title": "Secret"}
        await self.moved(app, ada, RowChange(UUID(todo["id"]), "todo.moved", values))
        left = await database.fetchrow(
            "SELECT event, changed, row_after FROM changes "
            "WHERE resource_id = $1 AND project_id = $2 AND event = 'todo.moved'",
            UUID(todo["id"]),
            UUID(garden["id"]),
        )
        assert left is not None
        assert orjson.loads(left["changed"]) == {"project_id": {"from": garden["id"], "to": None}}
        assert orjson.loads(left["row_after"]) == {
            "id": todo["id"], "version": 2, "project_id": None
        }  # fmt: skip


@pytest.mark.parametrize("name", ["pages", "version", "id"])
def test_what_is_no_column_to_set_is_an_error_and_not_left_out(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        BOOKS.changed([RowChange(new_id(), "book.updated", {name: 1})])


def test_an_unknown_column_of_a_new_row_is_an_error_too() -> None:
    with pytest.raises(ValueError, match="pages"):
        BOOKS.inserted({"id": new_id(), "pages": 1}, NOW)


@pytest.mark.parametrize("resource", [TODOS, PROJECTS, USERS])
async def test_no_column_is_named_that_a_foreign_key_may_refer_to(
    resource: Resource, database: asyncpg.Connection
) -> None:
    """PostgreSQL's own list: to name one of them would lock out whoever refers to the row."""
    keys = await database.fetch(
        "SELECT DISTINCT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid "
        "AND attnum = ANY(indkey) WHERE indrelid = $1::regclass AND indisunique "
        "AND indpred IS NULL",
        resource.table.name,
    )
    assert {row["attname"] for row in keys}.isdisjoint(resource.settable)


def test_a_change_of_an_account_names_nothing_that_tells_of_its_end() -> None:
    """A trigger forgets the account's count of todos once `settled_at` is written."""
    assert set(USERS.settable) == {
        "display_name", "timezone", "locale", "week_start", "created_at",
    }  # fmt: skip


@pytest.mark.parametrize("rows", [2_000, 20_000])
async def test_rows_are_found_by_their_key_however_many_others_there_are(
    books: asyncpg.Connection, rows: int
) -> None:
    await books.execute(
        "INSERT INTO books SELECT gen_random_uuid(), repeat('x', 500) FROM generate_series(1, $1)",
        rows,
    )
    await books.execute("ANALYZE books")
    await books.execute("SET plan_cache_mode = force_generic_plan")
    await books.execute(f"PREPARE change AS {UPDATE.sql}")
    plan = await books.fetch("EXPLAIN EXECUTE change ('2026-11-22', '[]')")

    assert not [line for [line] in plan if "Seq Scan on books" in line]
