"""Where a project goes: each one's own top level, trees, members, and what is refused."""

import asyncio
from collections import Counter
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import Response

from app.core.clock import new_id
from tests.features.projects.moving import make_chain, make_row, move, moved_to, names_of, read
from tests.features.todos.changes import Log
from tests.people import Json, Person, share
from tests.roundtrips import statements


def _error(response: Response) -> tuple[int, str, list[str]]:
    problem = response.json()
    return response.status_code, problem["code"], [each["pointer"] for each in problem["errors"]]


@pytest.mark.parametrize("level", ["top", "below"])
async def test_siblings_are_in_the_order_that_was_asked_for(ada: Person, level: str) -> None:
    parent = await ada.make_project("parent") if level == "below" else None
    place = {} if parent is None else {"parent_id": parent["id"]}
    a, b, c = await make_row(ada, "abc", **place)

    moved = await moved_to(ada, c, before=a["id"])
    assert (await names_of(ada, parent), moved["version"]) == ("cab", 2)
    await moved_to(ada, a, last=True)
    assert await names_of(ada, parent) == "cba"
    await moved_to(ada, a, first=True)
    await moved_to(ada, c, after=b["id"])
    assert await names_of(ada, parent) == "abc"
    before = await read(ada, b)
    for same in ({"before": c["id"]}, {"before": b["id"]}, {"after": b["id"]}):
        assert await moved_to(ada, b, **same) == before


async def test_the_top_level_is_each_ones_own(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    a, b, c = await make_row(ada, "abc")
    for project in (a, b, c):
        await share(database, project, bob, "viewer")
    assert await names_of(bob) == "abc"
    log = Log(database, bob, "project")
    await log.new()

    moved = await moved_to(bob, c, first=True)
    assert (await names_of(bob), await names_of(ada)) == ("cab", "abc")
    # Its version is raised for all.
    assert (moved["version"], (await read(ada, c))["version"]) == (2, 2)
    assert (await read(ada, c))["position"] == c["position"]
    [change] = await log.new()
    assert (change["event"], change["changed"].keys()) == ("project.moved", {"position"})
    await moved_to(ada, c, after=a["id"])
    assert (await names_of(bob), await names_of(ada)) == ("cab", "acb")
    # Another change shows each one's own place.
    patched = await ada.client.patch(f"/v1/projects/{c['id']}", json={"color": "#112233"})
    assert patched.json() == await read(ada, c)
    assert (await read(bob, c))["position"] == moved["position"]


async def test_a_viewer_sends_an_own_order_again(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    a, b = await make_row(ada, "ab")
    for project in (a, b):
        await share(database, project, bob, "viewer")
    # The second one changes nothing.
    for key in ("first", "second"):
        answers = [
            await bob.client.post(
                f"/v1/projects/{b['id']}/move",
                json={"first": True},
                headers={"Idempotency-Key": key},
            )
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
    await ada.client.delete(f"/v1/projects/{b['id']}/members/{bob.id}")
    again = await bob.client.post(
        f"/v1/projects/{b['id']}/move", json={"first": True}, headers={"Idempotency-Key": "first"}
    )
    assert again.status_code == 404


async def test_below_and_out_again(ada: Person, database: asyncpg.Connection) -> None:
    a, b = await make_chain(ada, "ab")
    [c] = await make_row(ada, "c")
    [x] = await make_row(ada, "x", parent_id=c["id"])

    moved = await moved_to(ada, c, last=True, parent_id=b["id"])
    assert (moved["parent_id"], await names_of(ada), await names_of(ada, b)) == (b["id"], "a", "c")
    # It may have other members now, and whoever sees it another role.
    below = await read(ada, x)
    assert below["version"] == 2
    depths = "SELECT name, depth FROM projects WHERE created_by = $1 AND NOT is_inbox ORDER BY name"
    rows = [tuple(row) for row in await database.fetch(depths, ada.id)]
    assert rows == [("a", 1), ("b", 2), ("c", 3), ("x", 4)]
    moved = await moved_to(ada, c, before=a["id"])
    assert (moved["parent_id"], await names_of(ada), await names_of(ada, c)) == (None, "ca", "x")
    # Its level is nothing that clients see.
    assert await read(ada, x) == below
    assert (await moved_to(ada, b, first=True, parent_id=None))["parent_id"] is None
    assert await names_of(ada) == "bca"


async def test_who_is_below_gets_the_members_of_its_root_and_keeps_them(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    house, garden = await make_row(ada, "hg")
    [bed] = await make_row(ada, "b", parent_id=garden["id"])
    todo = await ada.make_todo(project_id=bed["id"])
    await share(database, house, bob)
    url = f"/v1/todos/{todo['id']}"
    assert (await bob.get(url)).status_code == 404

    await moved_to(ada, garden, last=True, parent_id=house["id"])
    assert (await read(bob, garden))["role"] == "editor"
    assert (await bob.get(url)).status_code == 200
    # An editor moves within the tree, and not out of it.
    await moved_to(bob, bed, before=garden["id"])
    answer = await move(bob, bed, first=True, parent_id=None)
    assert _error(answer) == (403, "forbidden", [])
    await moved_to(ada, bed, first=True, parent_id=None)
    assert (await bob.get(url)).status_code == 200
    assert await names_of(bob) == "hb"

    other = await ada.make_project("o")
    await moved_to(ada, bed, first=True, parent_id=other["id"])
    assert (await bob.get(url)).status_code == 404
    assert (await ada.get(url)).status_code == 200


async def test_out_of_a_tree_leaves_the_top_level_of_others_as_it_is(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    [a] = await make_row(ada, "a")
    [x] = await make_row(ada, "x", parent_id=a["id"])
    for project in (a, x):
        await share(database, project, bob)
    await make_row(bob, "b")
    [c] = await make_row(ada, "c")
    await share(database, c, bob)
    # Where two have the same position, one more between them moves a neighbour too.
    same = "UPDATE projects SET position = $1 WHERE id = $2"
    await database.execute(same, a["position"], UUID(c["id"]))
    await bob.invalidate()
    await ada.invalidate()
    before = await names_of(bob)

    await moved_to(ada, x, after=a["id"])
    assert await names_of(bob) == before + "x"


@pytest.mark.parametrize(
    ("level", "beside"), [("top", "project.moved"), ("below", "project.updated")]
)
async def test_who_gets_another_position_beside_it_is_told_so(
    ada: Person, database: asyncpg.Connection, level: str, beside: str
) -> None:
    parent = await ada.make_project("parent") if level == "below" else None
    a, b, c = await make_row(ada, "abc", **({} if parent is None else {"parent_id": parent["id"]}))
    same = "UPDATE projects SET position = $1 WHERE id = $2"
    await database.execute(same, a["position"], UUID(b["id"]))
    await ada.invalidate()
    log = Log(database, ada, "project")
    await log.new()

    await moved_to(ada, c, after=a["id"])
    told = {str(change["resource_id"]): change["event"] for change in await log.new()}
    assert told.pop(c["id"]) == "project.moved"
    assert set(told.values()) == {beside}


async def test_an_editors_project_goes_to_another_root(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    """As an older version made it: the editor's own."""
    a, b = await make_row(ada, "ab")
    await share(database, a, bob)

    async def make_own(parent: Json, name: str) -> Json:
        [project] = await make_row(bob, name, parent_id=parent["id"])
        await database.execute(
            "DELETE FROM project_members WHERE project_id = $1", UUID(project["id"])
        )
        await share(database, project, bob, "owner")
        return project

    [m] = await make_row(ada, "m", parent_id=a["id"])
    x = await make_own(m, "x")

    await moved_to(ada, m, last=True, parent_id=b["id"])
    assert (await read(ada, x))["role"] == "owner"
    assert (await bob.get(f"/v1/projects/{x['id']}")).status_code == 404

    # Whoever made it stays, in the role that the root gives.
    [n] = await make_row(ada, "n", parent_id=a["id"])
    y = await make_own(n, "y")
    await share(database, b, bob, "viewer")
    await moved_to(ada, n, last=True, parent_id=b["id"])
    assert ((await read(ada, y))["role"], (await read(bob, y))["role"]) == ("owner", "viewer")


async def test_what_is_refused(ada: Person, bob: Person, database: asyncpg.Connection) -> None:
    a, b, c, d = await make_chain(ada, "abcd")
    e, f = await make_chain(ada, "ef")
    [x] = await make_row(ada, "x", parent_id=d["id"])
    hidden, inbox = await bob.make_project(), await ada.inbox()
    for project, place, problem in (
        (a, {}, (422, "place_ambiguous", [""])),
        (a, {"first": True, "last": True}, (422, "place_ambiguous", ["/first", "/last"])),
        (e, {"before": b["id"], "parent_id": None}, (422, "place_contradicts", ["/parent_id"])),
        (a, {"last": True, "parent_id": c["id"]}, (422, "moved_into_itself", ["/parent_id"])),
        (a, {"last": True, "parent_id": a["id"]}, (422, "moved_into_itself", ["/parent_id"])),
        (a, {"after": b["id"]}, (422, "moved_into_itself", ["/after"])),
        (e, {"last": True, "parent_id": d["id"]}, (422, "project_too_deep", ["/parent_id"])),
        (e, {"before": x["id"]}, (422, "project_too_deep", ["/before"])),
        (a, {"before": hidden["id"]}, (404, "project_not_found", ["/before"])),
        (a, {"last": True, "parent_id": str(new_id())}, (404, "project_not_found", ["/parent_id"])),
        (inbox, {"last": True, "parent_id": a["id"]}, (409, "inbox_protected", [])),
        (hidden, {"last": True}, (404, "not_found", [])),
    ):
        assert _error(await move(ada, project, **place)) == problem
    assert (await moved_to(ada, inbox, last=True))["version"] == 2
    await share(database, hidden, ada, "editor")
    for project, place in ((hidden, {"parent_id": a["id"]}), (a, {"parent_id": hidden["id"]})):
        assert _error(await move(ada, project, last=True, **place)) == (403, "forbidden", [])
    answer = await ada.client.post(
        f"/v1/projects/{f['id']}/move", json={"last": True}, headers={"If-Match": '"2"'}
    )
    assert answer.status_code == 412
    await ada.client.patch(f"/v1/projects/{e['id']}", json={"archived": True})
    answer = await move(ada, b, last=True, parent_id=e["id"])
    assert (answer.status_code, answer.json()["code"]) == (403, "project_archived")
    for project in (a, b, c, d, f):
        assert await read(ada, project) == project


async def test_of_two_that_would_make_a_cycle_one_is_refused(ada: Person) -> None:
    a, b = await make_row(ada, "ab")
    for _ in range(4):
        answers = await asyncio.gather(
            move(ada, a, last=True, parent_id=b["id"]), move(ada, b, last=True, parent_id=a["id"])
        )
        assert Counter(each.status_code for each in answers) == {200: 1, 422: 1}
        for project in (a, b):
            await moved_to(ada, project, last=True, parent_id=None)


async def test_many_at_once_are_in_some_order(ada: Person, database: asyncpg.Connection) -> None:
    projects = await make_row(ada, "abcdef")
    answers = await asyncio.gather(
        *(move(ada, each, after=projects[0]["id"]) for each in projects[1:] * 2)
    )
    assert {each.status_code for each in answers} == {200}
    names = await names_of(ada)
    assert (names[0], sorted(names)) == ("a", list("abcdef"))
    own = "SELECT position FROM project_members WHERE user_id = $1 AND position IS NOT NULL"
    positions = [row["position"] for row in await database.fetch(own, ada.id)]
    assert len(set(positions)) == len(positions) == 5


async def test_it_takes_four_round_trips_at_most(app: FastAPI, ada: Person) -> None:
    a, b = await make_row(ada, "ab")
    for place in ({"after": b["id"]}, {"first": True, "parent_id": b["id"]}, {"before": b["id"]}):
        async with statements(app) as sql:
            await move(ada, a, **place)
        assert len([each for each in sql if "project_members" in each]) == 4


async def test_many_moves_to_one_spot_keep_positions_short(
    ada: Person, database: asyncpg.Connection
) -> None:
    projects = await make_row(ada, "abcd")
    order = list(projects)
    for _ in range(320):
        taken = order.pop()
        order.insert(1, taken)
        assert (await move(ada, taken, after=order[0]["id"])).status_code == 200
    assert await names_of(ada) == "".join(project["name"] for project in order)
    longest = "SELECT max(length(position)) FROM project_members WHERE user_id = $1"
    assert await database.fetchval(longest, ada.id) < 64
