"""Where a todo goes: its place, its subtasks, its parents' counts, and what is refused."""

from typing import Any

import asyncpg
import pytest
from httpx import Response

from app.core.clock import new_id
from tests.features.todos.changes import Log
from tests.features.todos.trees import assert_consistent, delete, move, patch, read
from tests.people import Json, Person, share


async def _moved(person: Person, todo: Json, **place: Any) -> Json:
    response = await move(person, todo, **place)
    assert response.status_code == 200, response.text
    moved: Json = response.json()
    assert response.headers["etag"] == f'"{moved["version"]}"'
    return moved


async def _titles(person: Person, project: Json, parent: Json | None = None) -> list[str]:
    """The siblings in their order."""
    parent_id = "none" if parent is None else parent["id"]
    url = f"/v1/todos?project_id={project['id']}&parent_id={parent_id}&sort=position&limit=200"
    return [todo["title"] for todo in (await person.get(url)).json()["items"]]


async def _counts(person: Person, todo: Json) -> tuple[bool, int, int]:
    now = await read(person, todo)
    return now["completed"], now["subtask_count"], now["completed_subtask_count"]


def _error(response: Response) -> tuple[int, str, list[str]]:
    problem = response.json()
    return response.status_code, problem["code"], [each["pointer"] for each in problem["errors"]]


@pytest.fixture
async def garden(ada: Person) -> Json:
    return await ada.make_project("Garden")


@pytest.fixture
async def house(ada: Person) -> Json:
    return await ada.make_project("House")


async def _row(person: Person, project: Json, names: str, **fields: Any) -> list[Json]:
    """A todo for each letter."""
    fields = {"project_id": project["id"], **fields}
    return [await person.make_todo(name, **fields) for name in names]


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
        todos = await _row(ada, garden, "abcd")
        place = {
            name: value if value is True else todos[value]["id"] for name, value in place.items()
        }
        moved = await _moved(ada, todos[todo], **place)

        assert await _titles(ada, garden) == list(order)
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
        gone, *todos = await _row(ada, garden, "xabyc", **parent)
        # What is deleted is not between them for anybody who sees the others.
        for each in (gone, todos.pop(2)):
            await delete(ada, each)
        log = Log(database, ada)
        await log.new()
        place = {
            name: value if value is True else todos[value]["id"] for name, value in place.items()
        }
        moved = await _moved(ada, todos[todo], **place)

        assert moved == todos[todo]
        assert await log.new() == []

    async def test_last_and_first_do_not_grow(self, ada: Person, garden: Json) -> None:
        a, b = await _row(ada, garden, "ab")
        for _ in range(10):
            last = await _moved(ada, a, last=True)
            first = await _moved(ada, a, first=True)
            assert max(len(last["position"]), len(first["position"])) <= 16
        assert await _titles(ada, garden) == ["a", "b"]
        assert await read(ada, b) == b

    async def test_a_new_todo_is_last_all_the_same(self, ada: Person, garden: Json) -> None:
        a, _ = await _row(ada, garden, "ab")
        await _moved(ada, a, last=True)
        await _row(ada, garden, "c")
        assert await _titles(ada, garden) == ["b", "a", "c"]

    async def test_of_many_moves_to_one_spot_few_siblings_notice(
        self, ada: Person, garden: Json, database: asyncpg.Connection
    ) -> None:
        todos = await _row(ada, garden, "abcdefghij")
        order = list(todos)
        log = Log(database, ada)
        await log.new()
        for _ in range(400):
            taken = order.pop()
            order.insert(1, taken)
            await _moved(ada, taken, after=order[0]["id"])
        assert await _titles(ada, garden) == [todo["title"] for todo in order]
        changes = await log.new()
        assert 400 < len(changes) <= 1_600
        assert {change["event"] for change in changes} == {"todo.moved"}
        assert {frozenset(change["changed"]) for change in changes} == {frozenset(["position"])}
        longest = await database.fetchval(
            "SELECT max(length(position)) FROM todos WHERE created_by = $1", ada.id
        )
        assert longest < 64
        await assert_consistent(database, ada)

    async def test_deleted_siblings_have_no_part_in_it_and_keep_their_place(
        self, ada: Person, garden: Json, database: asyncpg.Connection
    ) -> None:
        a, b, c, d = await _row(ada, garden, "abcd")
        await delete(ada, b)
        await _moved(ada, d, after=a["id"])
        rows = await database.fetch(
            "SELECT title FROM todos WHERE created_by = $1 AND project_id::text = $2 "
            "ORDER BY position",
            ada.id,
            garden["id"],
        )
        assert [row["title"] for row in rows] == ["a", "d", "b", "c"]
        assert await read(ada, c) == c


class TestPlace:
    async def test_beside_another_is_where_that_is(
        self, ada: Person, garden: Json, house: Json
    ) -> None:
        a, b = await _row(ada, garden, "ab")
        parent = await ada.make_todo("parent", project_id=house["id"])
        [c] = await _row(ada, house, "c", parent_id=parent["id"])

        moved = await _moved(ada, a, before=c["id"])
        assert (moved["project_id"], moved["parent_id"]) == (house["id"], parent["id"])
        assert await _titles(ada, house, parent) == ["a", "c"]
        assert await _counts(ada, parent) == (False, 2, 0)

        back = await _moved(ada, a, after=b["id"], project_id=garden["id"], parent_id=None)
        assert (back["project_id"], back["parent_id"]) == (garden["id"], None)
        assert await _titles(ada, garden) == ["b", "a"]
        assert await _counts(ada, parent) == (False, 1, 0)

    async def test_first_and_last_stay_with_the_parent_unless_one_is_sent(
        self, ada: Person, garden: Json, house: Json
    ) -> None:
        parent, other = await _row(ada, garden, "pq")
        subtasks = await _row(ada, garden, "abc", parent_id=parent["id"])

        assert (await _moved(ada, subtasks[2], first=True))["parent_id"] == parent["id"]
        assert await _titles(ada, garden, parent) == ["c", "a", "b"]
        assert (await _moved(ada, subtasks[2], last=True, parent_id=other["id"]))[
            "parent_id"
        ] == other["id"]
        assert (await _moved(ada, subtasks[2], first=True, parent_id=None))["parent_id"] is None
        assert await _titles(ada, garden) == ["c", "p", "q"]
        moved = await _moved(ada, subtasks[1], last=True, project_id=garden["id"])
        assert (moved["parent_id"], moved["project_id"]) == (None, garden["id"])
        moved = await _moved(ada, subtasks[0], last=True, project_id=house["id"])
        assert (moved["parent_id"], moved["project_id"]) == (None, house["id"])
        assert await _titles(ada, garden) == ["c", "p", "q", "b"]
        assert await _counts(ada, parent) == (False, 0, 0)

    async def test_a_tree_goes_whole(
        self, ada: Person, garden: Json, house: Json, database: asyncpg.Connection
    ) -> None:
        root, target = await _row(ada, garden, "rt")
        [child] = await _row(ada, garden, "c", parent_id=root["id"])
        below = await _row(ada, garden, "xy", parent_id=child["id"])
        await delete(ada, below[1])
        log = Log(database, ada)
        await log.new()

        await _moved(ada, child, last=True, parent_id=target["id"])
        assert await read(ada, below[0]) == below[0]
        await _moved(ada, child, last=True, parent_id=None)
        # Its level is nothing that clients see.
        assert await read(ada, below[0]) == below[0]
        assert {str(change["resource_id"]) for change in await log.new()} == {
            root["id"],
            target["id"],
            child["id"],
        }
        moved = await _moved(ada, child, last=True, project_id=house["id"])
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
        [root] = await _row(ada, garden, "r", completed=True)
        [child] = await _row(ada, garden, "c", parent_id=root["id"], completed=True)
        opened, done = await _row(ada, garden, "od")
        await patch(ada, done, completed=True)
        log = Log(database, ada)
        await log.new()

        await _moved(ada, done, last=True, parent_id=child["id"])
        assert await _counts(ada, root) == (True, 1, 1)
        assert await _counts(ada, child) == (True, 1, 1)
        await _moved(ada, opened, last=True, parent_id=child["id"])
        assert await _counts(ada, child) == (False, 2, 1)
        assert await _counts(ada, root) == (False, 1, 0)
        events = [(change["row_after"]["title"], change["event"]) for change in await log.new()]
        assert sorted(events) == [
            ("c", "todo.reopened"),
            ("c", "todo.updated"),
            ("d", "todo.moved"),
            ("o", "todo.moved"),
            ("r", "todo.reopened"),
        ]
        # What was moved away leaves its parent open.
        await _moved(ada, opened, last=True, parent_id=None)
        assert await _counts(ada, child) == (False, 1, 1)
        await assert_consistent(database, ada)

    async def test_one_that_goes_below_its_completed_sibling(
        self, ada: Person, garden: Json, database: asyncpg.Connection
    ) -> None:
        [root] = await _row(ada, garden, "r")
        opened, done = await _row(ada, garden, "od", parent_id=root["id"])
        await patch(ada, done, completed=True)
        before = await read(ada, root)

        await _moved(ada, opened, first=True, parent_id=done["id"])
        # It counts one subtask less, and one completed less, as one change.
        assert await _counts(ada, root) == (False, 1, 0)
        assert (await read(ada, root))["version"] == before["version"] + 1
        assert await _counts(ada, done) == (False, 1, 0)
        await _moved(ada, opened, after=done["id"])
        assert await _counts(ada, root) == (False, 2, 0)
        await assert_consistent(database, ada)


class TestRefused:
    async def test_places_that_are_none_or_two(self, ada: Person, garden: Json) -> None:
        a, b = await _row(ada, garden, "ab")
        for place, pointers in (
            ({}, [""]),
            ({"parent_id": None}, [""]),
            ({"first": False}, ["/first"]),
            ({"first": True, "last": True}, ["/first", "/last"]),
            ({"before": b["id"], "after": b["id"]}, ["/before", "/after"]),
            ({"before": b["id"], "last": False}, ["/before", "/last"]),
        ):
            assert _error(await move(ada, a, **place)) == (422, "place_ambiguous", pointers)
        for place in ({"before": None}, {"first": 1}, {"last": "true"}, {"after": "x"}):
            assert (await move(ada, a, **place)).json()["code"] == "validation_failed"
        place = {"last": True, "project_id": None}
        assert (await move(ada, a, **place)).json()["code"] == "validation_failed"
        assert await read(ada, a) == a

    async def test_places_that_contradict_themselves(
        self, ada: Person, garden: Json, house: Json
    ) -> None:
        a, b = await _row(ada, garden, "ab")
        [c] = await _row(ada, house, "c")
        for place, pointer in (
            ({"before": b["id"], "project_id": house["id"]}, "/project_id"),
            ({"after": b["id"], "parent_id": c["id"]}, "/parent_id"),
            ({"first": True, "parent_id": c["id"], "project_id": garden["id"]}, "/project_id"),
            ({"before": b["id"], "project_id": str(new_id())}, "/project_id"),
        ):
            assert _error(await move(ada, a, **place)) == (422, "place_contradicts", [pointer])

    async def test_into_itself_or_below(self, ada: Person, garden: Json) -> None:
        [a] = await _row(ada, garden, "a")
        [b] = await _row(ada, garden, "b", parent_id=a["id"])
        [c] = await _row(ada, garden, "c", parent_id=b["id"])
        for place, pointer in (
            ({"first": True, "parent_id": a["id"]}, "/parent_id"),
            ({"last": True, "parent_id": c["id"]}, "/parent_id"),
            ({"before": b["id"]}, "/before"),
            ({"after": c["id"]}, "/after"),
        ):
            assert _error(await move(ada, a, **place)) == (422, "moved_into_itself", [pointer])

    async def test_too_deep_goes_by_what_is_below(self, ada: Person, garden: Json) -> None:
        chain: list[Json] = []
        for name in "abcd":
            parent = {"parent_id": chain[-1]["id"]} if chain else {}
            chain += await _row(ada, garden, name, **parent)
        [root] = await _row(ada, garden, "r")
        [child] = await _row(ada, garden, "c", parent_id=root["id"])
        place = {"first": True, "parent_id": chain[3]["id"]}
        assert _error(await move(ada, root, **place)) == (422, "too_deep", ["/parent_id"])
        await _moved(ada, child, **place)

    async def test_what_is_not_there_or_not_seen(
        self, ada: Person, bob: Person, garden: Json
    ) -> None:
        [a] = await _row(ada, garden, "a")
        [gone] = await _row(ada, garden, "g")
        await delete(ada, gone)
        hidden = await bob.make_todo()
        for other in (str(new_id()), gone["id"], hidden["id"]):
            assert _error(await move(ada, a, before=other)) == (
                404, "sibling_not_found", ["/before"]
            )  # fmt: skip
            place = {"first": True, "parent_id": other}
            assert _error(await move(ada, a, **place)) == (404, "parent_not_found", ["/parent_id"])
        for other in (str(new_id()), hidden["project_id"]):
            place = {"last": True, "project_id": other}
            assert _error(await move(ada, a, **place)) == (
                404, "project_not_found", ["/project_id"]
            )  # fmt: skip
        for todo in (gone, hidden, {"id": str(new_id())}):
            assert _error(await move(ada, todo, first=True)) == (404, "not_found", [])

    @pytest.mark.parametrize("where", ["from", "to"])
    async def test_without_edit_rights_in_both_projects(
        self, ada: Person, bob: Person, garden: Json, database: asyncpg.Connection, where: str
    ) -> None:
        await share(database, garden, bob, "viewer")
        [a] = await _row(ada, garden, "a")
        mine = await bob.make_todo()
        todo, project_id = (a, mine["project_id"]) if where == "from" else (mine, garden["id"])
        answer = await move(bob, todo, last=True, project_id=project_id)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        if where == "to":
            answer = await move(bob, todo, before=a["id"])
            assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        await ada.client.patch(f"/v1/projects/{garden['id']}", json={"archived": True})
        other = await ada.make_todo()
        todo, project_id = (a, other["project_id"]) if where == "from" else (other, garden["id"])
        answer = await move(ada, todo, last=True, project_id=project_id)
        assert (answer.status_code, answer.json()["code"]) == (403, "project_archived")

    async def test_another_version(self, ada: Person, garden: Json) -> None:
        a, b = await _row(ada, garden, "ab")
        for headers in ({"If-Match": '"2"'}, {"If-None-Match": '"1"'}):
            url = f"/v1/todos/{b['id']}/move"
            answer = await ada.client.post(url, json={"first": True}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (412, "version_conflict")
        answer = await ada.client.post(url, json={"first": True}, headers={"If-Match": '"1"'})
        assert answer.status_code == 200
        assert await _titles(ada, garden) == ["b", "a"]
        assert await read(ada, a) == a


class TestToAnotherProject:
    async def test_is_told_in_both_and_nothing_of_it_in_the_old_one(
        self, ada: Person, garden: Json, house: Json, database: asyncpg.Connection
    ) -> None:
        [a] = await _row(ada, garden, "a")
        [b] = await _row(ada, garden, "b", parent_id=a["id"])
        log = Log(database, ada)
        await log.new()
        moved = await _moved(ada, a, last=True, project_id=house["id"])

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
        [a] = await _row(ada, garden, "a")
        await share(database, garden, bob)
        url = f"/v1/todos/{a['id']}"
        assert (await bob.get(url)).status_code == 200
        await _moved(ada, a, first=True, project_id=house["id"])
        assert (await bob.get(url)).status_code == 404
        await share(database, house, bob)
        assert (await bob.get(url)).json()["project_id"] == house["id"]

    async def test_an_idempotency_key_moves_once(
        self, ada: Person, garden: Json, house: Json
    ) -> None:
        a, b = await _row(ada, garden, "ab")
        place = {"last": True, "project_id": house["id"]}
        url, headers = f"/v1/todos/{a['id']}/move", {"Idempotency-Key": "once"}
        first = await ada.client.post(url, json=place, headers=headers)
        await _moved(ada, a, before=b["id"])
        again = await ada.client.post(url, json=place, headers=headers)
        assert (again.status_code, again.content) == (200, first.content)
        assert again.headers["idempotency-replayed"] == "true"
        assert await _titles(ada, garden) == ["a", "b"]
