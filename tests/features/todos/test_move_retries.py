"""Moves and other writes of trees that are run anew."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core.errors import LocksContended
from app.features.todos.repository import TodoRepository
from tests.features.todos.moving import make_chain
from tests.features.todos.trees import (
    assert_consistent,
    delete,
    patch,
    read,
)
from tests.locks import somebody_waits
from tests.people import Person, share


class TestRunAnew:
    """A write that cannot have its locks without waiting for who waits for it."""

    @pytest.fixture
    def contended(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """How often a lock of a tree fails, after it is had."""
        left = [0]
        found = TodoRepository.lock_tree

        async def failing(self: TodoRepository, todo_id: UUID) -> Any:
            rows = await found(self, todo_id)
            left[0] -= 1
            if left[0] >= 0:
                raise LocksContended
            return rows

        monkeypatch.setattr(TodoRepository, "lock_tree", failing)
        return left

    async def test_it_does_what_it_was_asked_for_once(
        self, ada: Person, database: asyncpg.Connection, contended: list[int]
    ) -> None:
        root, child = await make_chain(ada, "rc")
        contended[0] = 3
        url, headers = f"/v1/todos/{child['id']}", {"Idempotency-Key": "k"}
        for _ in range(2):
            assert (await ada.client.delete(url, headers=headers)).status_code == 204
        assert contended == [-1]
        assert (await read(ada, root))["subtask_count"] == 0
        await assert_consistent(database, ada)

    async def test_after_some_times_it_says_so_and_has_done_nothing(
        self, ada: Person, contended: list[int]
    ) -> None:
        todo = await ada.make_todo()
        contended[0] = 4
        answer = await delete(ada, todo)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_busy")
        assert answer.headers["retry-after"] == "1"
        assert await read(ada, todo) == todo

    async def test_a_deadlock_is_such_a_case(
        self, ada: Person, database: asyncpg.Connection
    ) -> None:
        root, child = await make_chain(ada, "rc")
        await database.execute("SET deadlock_timeout = '1min'")
        lock = "SELECT FROM todos WHERE id = $1 FOR UPDATE"
        async with database.transaction():
            await database.execute(lock, UUID(root["id"]))
            completing = asyncio.create_task(patch(ada, child, completed=True))
            await somebody_waits(database)
            # Each waits for the other now, until PostgreSQL ends the request's transaction.
            await database.execute(lock, UUID(child["id"]))
        assert (await completing).json()["completed"] is True
        assert (await read(ada, root))["completed_subtask_count"] == 1
        await database.execute("RESET deadlock_timeout")

    async def test_a_place_that_is_no_longer_seen_is_looked_for_anew(
        self,
        ada: Person,
        bob: Person,
        database: asyncpg.Connection,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        project = await bob.make_project()
        await share(database, project, ada)
        parent = await bob.make_todo(project_id=project["id"])
        todo = await ada.make_todo()
        look = TodoRepository.look

        async def looking(self: TodoRepository, side: str, **place: Any) -> Any:
            found = await look(self, side, **place)
            await database.execute(
                "DELETE FROM project_members WHERE user_id = $1 AND role <> 'owner'", ada.id
            )
            return found

        monkeypatch.setattr(TodoRepository, "look", looking)
        url = f"/v1/todos/{todo['id']}/move"
        answer = await ada.client.post(url, json={"last": True, "parent_id": parent["id"]})
        assert (answer.status_code, answer.json()["code"]) == (404, "parent_not_found")
        assert await read(ada, todo) == todo

    @pytest.mark.parametrize(
        ("change", "refused"),
        [
            ("UPDATE projects SET archived = true WHERE id = $1", (403, "project_archived")),
            ("UPDATE {} SET role = 'viewer' WHERE {}", (403, "forbidden")),
            ("DELETE FROM {} WHERE {}", (404, "project_not_found")),
        ],
    )
    async def test_what_is_permitted_where_it_goes_is_asked_again_with_the_locks(
        self,
        ada: Person,
        bob: Person,
        database: asyncpg.Connection,
        monkeypatch: pytest.MonkeyPatch,
        change: str,
        refused: tuple[int, str],
    ) -> None:
        project = await bob.make_project()
        await share(database, project, ada)
        todo = await ada.make_todo()
        look = TodoRepository.look

        async def looking(self: TodoRepository, side: str, **place: Any) -> Any:
            found = await look(self, side, **place)
            of_ada = "project_id = $1 AND role <> 'owner'"
            await database.execute(change.format("project_members", of_ada), UUID(project["id"]))
            return found

        monkeypatch.setattr(TodoRepository, "look", looking)
        url = f"/v1/todos/{todo['id']}/move"
        answer = await ada.client.post(url, json={"last": True, "project_id": project["id"]})
        assert (answer.status_code, answer.json()["code"]) == refused
        assert await read(ada, todo) == todo
