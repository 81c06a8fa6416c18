"""The order of siblings after moves."""

from collections import Counter
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.features.todos.changes import Log
from tests.features.todos.moving import make_row, moved_to, titles
from tests.features.todos.trees import assert_consistent, delete, move, read
from tests.people import Json, Person


class TestOrder:
    @pytest.mark.parametrize(
        ("todo", "place", "order"),
        [
            (3, {"before": 1}, "adbc"),
            (3, {"before": 0}, "dabc"),
            (0, {"after": 1}, "bacd"),
            (0, {"after": 3}, "bcda"),
            (2, {"first": True}, "cabd"),
            (1, {"last": True}, "acdb"),
            (1, {"before": 3}, "acbd"),
        ],
    )
    async def test_is_as_asked_for(
        self, ada: Person, garden: Json, todo: int, place: Any, order: str
    ) -> None:
        todos = await make_row(ada, garden, "abcd")
        place = {
            name: value if value is True else todos[value]["id"] for name, value in place.items()
        }
        moved = await moved_to(ada, todos[todo], **place)

        assert await titles(ada, garden) == list(order)
        changed = {"position", "version", "updated_at"}
        assert {name for name in moved if moved[name] != todos[todo][name]} == changed
        assert moved["version"] == 2
        assert await read(ada, todos[todo]) == moved

    @pytest.mark.parametrize("level", ["top", "subtasks"])
    @pytest.mark.parametrize(
        ("todo", "place"),
        [
            (0, {"before": 1}),
            (1, {"after": 0}),
            (0, {"first": True}),
            (2, {"last": True}),
            (1, {"before": 1}),
            (1, {"after": 1}),
        ],
    )
    async def test_a_place_that_it_has_changes_nothing(
        self,
        ada: Person,
        garden: Json,
        database: asyncpg.Connection,
        level: str,
        todo: int,
        place: Any,
    ) -> None:
        below = await ada.make_todo("parent", project_id=garden["id"])
        parent = {} if level == "top" else {"parent_id": below["id"]}
        if level == "top":
            await delete(ada, below)
        gone, *todos = await make_row(ada, garden, "xabyc", **parent)
        # What is deleted is not between them for anybody who sees the others.
        for each in (gone, todos.pop(2)):
            await delete(ada, each)
        log = Log(database, ada)
        await log.new()
        place = {
            name: value if value is True else todos[value]["id"] for name, value in place.items()
        }
        moved = await moved_to(ada, todos[todo], **place)

        assert moved == todos[todo]
        assert await log.new() == []

    async def test_last_and_first_do_not_grow(self, ada: Person, garden: Json) -> None:
        a, b = await make_row(ada, garden, "ab")
        for _ in range(10):
            last = await moved_to(ada, a, last=True)
            first = await moved_to(ada, a, first=True)
            assert max(len(last["position"]), len(first["position"])) <= 16
        assert await titles(ada, garden) == ["a", "b"]
        assert await read(ada, b) == b

    async def test_a_new_todo_is_last_all_the_same(self, ada: Person, garden: Json) -> None:
        a, _ = await make_row(ada, garden, "ab")
        await moved_to(ada, a, last=True)
        await make_row(ada, garden, "c")
        assert await titles(ada, garden) == ["b", "a", "c"]

    async def test_of_many_moves_to_one_spot_few_siblings_notice(
        self, ada: Person, garden: Json, database: asyncpg.Connection
    ) -> None:
        todos = await make_row(ada, garden, "abcdefghij")
        order = list(todos)
        log = Log(database, ada)
        await log.new()
        for _ in range(400):
            taken = order.pop()
            order.insert(1, taken)
            await moved_to(ada, taken, after=order[0]["id"])
        assert await titles(ada, garden) == [todo["title"] for todo in order]
        changes = await log.new()
        assert 400 < len(changes) <= 1_600
        # Who was moved is told as moved, and those beside it as changed.
        told = Counter(change["event"] for change in changes)
        assert told == {"todo.moved": 400, "todo.updated": len(changes) - 400}
        assert {frozenset(change["changed"]) for change in changes} == {frozenset(["position"])}
        longest = await database.fetchval(
            "SELECT max(length(position)) FROM todos WHERE created_by = $1", ada.id
        )
        assert longest < 64
        await assert_consistent(database, ada)

    async def test_deleted_siblings_have_no_part_in_it_and_keep_their_place(
        self, ada: Person, garden: Json, database: asyncpg.Connection
    ) -> None:
        a, b, c, d = await make_row(ada, garden, "abcd")
        await delete(ada, b)
        await moved_to(ada, d, after=a["id"])
        rows = await database.fetch(
            "SELECT title FROM todos WHERE created_by = $1 AND project_id::text = $2 "
            "ORDER BY position",
            ada.id,
            garden["id"],
        )
        assert [row["title"] for row in rows] == ["a", "d", "b", "c"]
        assert await read(ada, c) == c


Step = tuple[int, str, int]
steps = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(["before", "after", "first", "last"]),
        st.integers(0, 5),
    ),
    max_size=12,
)


@given(steps)
@settings(max_examples=15)
async def test_any_sequence_of_moves_gives_the_order_of_a_list_in_memory(
    ada: Person, moves: list[Step]
) -> None:
    project = await ada.make_project()
    todos = [await ada.make_todo(name, project_id=project["id"]) for name in "abcdef"]
    order = list("abcdef")
    for one, side, other in moves:
        beside = {"before": todos[other]["id"], "after": todos[other]["id"]}
        place = {side: beside.get(side, True)}
        response = await move(ada, todos[one], **place)
        assert response.status_code == 200
        if one == other and side in beside:
            continue
        order.remove("abcdef"[one])
        spot = order.index("abcdef"[other]) if side in beside else 0
        at = {"before": spot, "after": spot + 1, "first": 0, "last": len(order)}[side]
        order.insert(at, "abcdef"[one])
    listed = await ada.get(f"/v1/todos?project_id={project['id']}&sort=position")
    assert [todo["title"] for todo in listed.json()["items"]] == order
