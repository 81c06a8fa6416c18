"""Moves that are refused: what is wrong with the place, and who may not move there."""

import asyncpg
import pytest

from app.core.clock import new_id
from tests.features.todos.moving import error, make_row, moved_to, titles
from tests.features.todos.trees import delete, move, read
from tests.people import Json, Person, share


class TestRefused:
    async def test_places_that_are_none_or_two(self, ada: Person, garden: Json) -> None:
        a, b = await make_row(ada, garden, "ab")
        for place, pointers in (
            ({}, [""]),
            ({"parent_id": None}, [""]),
            ({"first": False}, ["/first"]),
            ({"first": True, "last": True}, ["/first", "/last"]),
            ({"before": b["id"], "after": b["id"]}, ["/before", "/after"]),
            ({"before": b["id"], "last": False}, ["/before", "/last"]),
        ):
            assert error(await move(ada, a, **place)) == (422, "place_ambiguous", pointers)
        for place in ({"before": None}, {"first": 1}, {"last": "true"}, {"after": "x"}):
            assert (await move(ada, a, **place)).json()["code"] == "validation_failed"
        place = {"last": True, "project_id": None}
        assert (await move(ada, a, **place)).json()["code"] == "validation_failed"
        assert await read(ada, a) == a

    async def test_places_that_contradict_themselves(
        self, ada: Person, garden: Json, house: Json
    ) -> None:
        a, b = await make_row(ada, garden, "ab")
        [c] = await make_row(ada, house, "c")
        for place, pointer in (
            ({"before": b["id"], "project_id": house["id"]}, "/project_id"),
            ({"after": b["id"], "parent_id": c["id"]}, "/parent_id"),
            ({"first": True, "parent_id": c["id"], "project_id": garden["id"]}, "/project_id"),
            ({"before": b["id"], "project_id": str(new_id())}, "/project_id"),
        ):
            assert error(await move(ada, a, **place)) == (422, "place_contradicts", [pointer])

    async def test_into_itself_or_below(self, ada: Person, garden: Json) -> None:
        [a] = await make_row(ada, garden, "a")
        [b] = await make_row(ada, garden, "b", parent_id=a["id"])
        [c] = await make_row(ada, garden, "c", parent_id=b["id"])
        for place, pointer in (
            ({"first": True, "parent_id": a["id"]}, "/parent_id"),
            ({"last": True, "parent_id": c["id"]}, "/parent_id"),
            ({"before": b["id"]}, "/before"),
            ({"after": c["id"]}, "/after"),
        ):
            assert error(await move(ada, a, **place)) == (422, "moved_into_itself", [pointer])

    async def test_too_deep_goes_by_what_is_below(self, ada: Person, garden: Json) -> None:
        chain: list[Json] = []
        for name in "abcd":
            parent = {"parent_id": chain[-1]["id"]} if chain else {}
            chain += await make_row(ada, garden, name, **parent)
        [root] = await make_row(ada, garden, "r")
        [child] = await make_row(ada, garden, "c", parent_id=root["id"])
        place = {"first": True, "parent_id": chain[3]["id"]}
        assert error(await move(ada, root, **place)) == (422, "too_deep", ["/parent_id"])
        await moved_to(ada, child, **place)
        await moved_to(ada, child, last=True, parent_id=root["id"])
        # In the trash too: it goes along, and can be restored to its place.
        await delete(ada, child)
        assert error(await move(ada, root, **place)) == (422, "too_deep", ["/parent_id"])

    async def test_what_is_not_there_or_not_seen(
        self, ada: Person, bob: Person, garden: Json
    ) -> None:
        [a] = await make_row(ada, garden, "a")
        [gone] = await make_row(ada, garden, "g")
        await delete(ada, gone)
        hidden = await bob.make_todo()
        for other in (str(new_id()), gone["id"], hidden["id"]):
            assert error(await move(ada, a, before=other)) == (
                404, "sibling_not_found", ["/before"]
            )  # fmt: skip
            place = {"first": True, "parent_id": other}
            assert error(await move(ada, a, **place)) == (404, "parent_not_found", ["/parent_id"])
        for other in (str(new_id()), hidden["project_id"]):
            place = {"last": True, "project_id": other}
            assert error(await move(ada, a, **place)) == (
                404, "project_not_found", ["/project_id"]
            )  # fmt: skip
        for todo in (gone, hidden, {"id": str(new_id())}):
            assert error(await move(ada, todo, first=True)) == (404, "not_found", [])

    @pytest.mark.parametrize("where", ["from", "to"])
    async def test_without_edit_rights_in_both_projects(
        self, ada: Person, bob: Person, garden: Json, database: asyncpg.Connection, where: str
    ) -> None:
        await share(database, garden, bob, "viewer")
        [a] = await make_row(ada, garden, "a")
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
        a, b = await make_row(ada, garden, "ab")
        for headers in ({"If-Match": '"2"'}, {"If-None-Match": '"1"'}):
            url = f"/v1/todos/{b['id']}/move"
            answer = await ada.client.post(url, json={"first": True}, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (412, "version_conflict")
        answer = await ada.client.post(url, json={"first": True}, headers={"If-Match": '"1"'})
        assert answer.status_code == 200
        assert await titles(ada, garden) == ["b", "a"]
        assert await read(ada, a) == a
