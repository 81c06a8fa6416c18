"""Where a todo goes: its place, its subtasks, its parents' counts, and who is told."""

import asyncpg

from tests.features.todos.changes import Log
from tests.features.todos.moving import counts, make_row, moved_to, titles
from tests.features.todos.trees import assert_consistent, delete, patch, read
from tests.people import Json, Person, share


class TestPlace:
    async def test_beside_another_is_where_that_is(
        self, ada: Person, garden: Json, house: Json
    ) -> None:
        a, b = await make_row(ada, garden, "ab")
        parent = await ada.make_todo("parent", project_id=house["id"])
        [c] = await make_row(ada, house, "c", parent_id=parent["id"])

        moved = await moved_to(ada, a, before=c["id"])
        assert (moved["project_id"], moved["parent_id"]) == (house["id"], parent["id"])
        assert await titles(ada, house, parent) == ["a", "c"]
        assert await counts(ada, parent) == (False, 2, 0)

        back = await moved_to(ada, a, after=b["id"], project_id=garden["id"], parent_id=None)
        assert (back["project_id"], back["parent_id"]) == (garden["id"], None)
        assert await titles(ada, garden) == ["b", "a"]
        assert await counts(ada, parent) == (False, 1, 0)

    async def test_first_and_last_stay_with_the_parent_unless_one_is_sent(
        self, ada: Person, garden: Json, house: Json
    ) -> None:
        parent, other = await make_row(ada, garden, "pq")
        subtasks = await make_row(ada, garden, "abc", parent_id=parent["id"])

        assert (await moved_to(ada, subtasks[2], first=True))["parent_id"] == parent["id"]
        assert await titles(ada, garden, parent) == ["c", "a", "b"]
        assert (await moved_to(ada, subtasks[2], last=True, parent_id=other["id"]))[
            "parent_id"
        ] == other["id"]
        assert (await moved_to(ada, subtasks[2], first=True, parent_id=None))["parent_id"] is None
        assert await titles(ada, garden) == ["c", "p", "q"]
        moved = await moved_to(ada, subtasks[1], last=True, project_id=garden["id"])
        assert (moved["parent_id"], moved["project_id"]) == (None, garden["id"])
        moved = await moved_to(ada, subtasks[0], last=True, project_id=house["id"])
        assert (moved["parent_id"], moved["project_id"]) == (None, house["id"])
        assert await titles(ada, garden) == ["c", "p", "q", "b"]
        assert await counts(ada, parent) == (False, 0, 0)

    async def test_a_tree_goes_whole(
        self, ada: Person, garden: Json, house: Json, database: asyncpg.Connection
    ) -> None:
        root, target = await make_row(ada, garden, "rt")
        [child] = await make_row(ada, garden, "c", parent_id=root["id"])
        below = await make_row(ada, garden, "xy", parent_id=child["id"])
        await delete(ada, below[1])
        log = Log(database, ada)
        await log.new()

        await moved_to(ada, child, last=True, parent_id=target["id"])
        assert await read(ada, below[0]) == below[0]
        await moved_to(ada, child, last=True, parent_id=None)
        # Its level is nothing that clients see.
        assert await read(ada, below[0]) == below[0]
        assert {str(change["resource_id"]) for change in await log.new()} == {
            root["id"],
            target["id"],
            child["id"],
        }
        moved = await moved_to(ada, child, last=True, project_id=house["id"])
        after = await read(ada, below[0])
        assert (after["project_id"], after["version"]) == (house["id"], below[0]["version"] + 1)
        assert after["parent_id"] == moved["id"]
        stored = await database.fetch(
            "SELECT title, depth, project_id::text FROM todos WHERE created_by = $1 ORDER BY title",
            ada.id,
        )
        assert [tuple(row) for row in stored] == [
            ("c", 1, house["id"]),
            ("r", 1, garden["id"]),
            ("t", 1, garden["id"]),
            ("x", 2, house["id"]),
            ("y", 2, house["id"]),
        ]
        await assert_consistent(database, ada)

    async def test_an_open_one_below_completed_ones_reopens_them(
        self, ada: Person, garden: Json, database: asyncpg.Connection
    ) -> None:
        [root] = await make_row(ada, garden, "r", completed=True)
        [child] = await make_row(ada, garden, "c", parent_id=root["id"], completed=True)
        opened, done = await make_row(ada, garden, "od")
        await patch(ada, done, completed=True)
        log = Log(database, ada)
        await log.new()

        await moved_to(ada, done, last=True, parent_id=child["id"])
        assert await counts(ada, root) == (True, 1, 1)
        assert await counts(ada, child) == (True, 1, 1)
        await moved_to(ada, opened, last=True, parent_id=child["id"])
        assert await counts(ada, child) == (False, 2, 1)
        assert await counts(ada, root) == (False, 1, 0)
        events = [(change["row_after"]["title"], change["event"]) for change in await log.new()]
        assert sorted(events) == [
            ("c", "todo.reopened"),
            ("c", "todo.updated"),
            ("d", "todo.moved"),
            ("o", "todo.moved"),
            ("r", "todo.reopened"),
        ]
        # What was moved away leaves its parent open.
        await moved_to(ada, opened, last=True, parent_id=None)
        assert await counts(ada, child) == (False, 1, 1)
        await assert_consistent(database, ada)

    async def test_one_that_goes_below_its_completed_sibling(
        self, ada: Person, garden: Json, database: asyncpg.Connection
    ) -> None:
        [root] = await make_row(ada, garden, "r")
        opened, done = await make_row(ada, garden, "od", parent_id=root["id"])
        await patch(ada, done, completed=True)
        before = await read(ada, root)

        await moved_to(ada, opened, first=True, parent_id=done["id"])
        # It counts one subtask less, and one completed less, as one change.
        assert await counts(ada, root) == (False, 1, 0)
        assert (await read(ada, root))["version"] == before["version"] + 1
        assert await counts(ada, done) == (False, 1, 0)
        await moved_to(ada, opened, after=done["id"])
        assert await counts(ada, root) == (False, 2, 0)
        await assert_consistent(database, ada)


class TestToAnotherProject:
    async def test_is_told_in_both_and_nothing_of_it_in_the_old_one(
        self, ada: Person, garden: Json, house: Json, database: asyncpg.Connection
    ) -> None:
        [a] = await make_row(ada, garden, "a")
        [b] = await make_row(ada, garden, "b", parent_id=a["id"])
        log = Log(database, ada)
        await log.new()
        moved = await moved_to(ada, a, last=True, project_id=house["id"])

        rows = await log.new()
        assert {change["event"] for change in rows} == {"todo.moved"}
        told = {(str(change["resource_id"]), str(change["project_id"])): change for change in rows}
        assert told.keys() == {
            (todo["id"], project["id"]) for todo in (a, b) for project in (garden, house)
        }
        gone = {"project_id": {"from": garden["id"], "to": None}}
        for todo, version in ((a, moved["version"]), (b, 2)):
            left = told[todo["id"], garden["id"]]
            assert left["changed"] == gone
            assert left["row_after"] == {"id": todo["id"], "version": version, "project_id": None}
        came = told[a["id"], house["id"]]
        assert came["row_after"] == moved
        assert came["changed"].keys() == {"project_id", "position"}

    async def test_whoever_saw_it_before_or_sees_it_now_reads_nothing_older(
        self, ada: Person, bob: Person, garden: Json, house: Json, database: asyncpg.Connection
    ) -> None:
        [a] = await make_row(ada, garden, "a")
        await share(database, garden, bob)
        url = f"/v1/todos/{a['id']}"
        assert (await bob.get(url)).status_code == 200
        await moved_to(ada, a, first=True, project_id=house["id"])
        assert (await bob.get(url)).status_code == 404
        await share(database, house, bob)
        assert (await bob.get(url)).json()["project_id"] == house["id"]

    async def test_an_idempotency_key_moves_once(
        self, ada: Person, garden: Json, house: Json
    ) -> None:
        a, b = await make_row(ada, garden, "ab")
        place = {"last": True, "project_id": house["id"]}
        url, headers = f"/v1/todos/{a['id']}/move", {"Idempotency-Key": "once"}
        first = await ada.client.post(url, json=place, headers=headers)
        await moved_to(ada, a, before=b["id"])
        again = await ada.client.post(url, json=place, headers=headers)
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        assert await titles(ada, garden) == ["a", "b"]
