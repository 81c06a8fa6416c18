"""What is purged is gone for good: rows, what they said, but not their ids."""

from uuid import UUID, uuid4

import asyncpg
import pytest

from app.core.settings import Settings
from tests.features.trash.trashing import (
    is_there,
    purge,
    purge_in_batches,
    read,
    restore,
    told,
    trash,
    trashed,
)
from tests.features.users.test_purge import found
from tests.people import Person, join

WEEKLY = {
    "due": {"date": "2026-11-30"},
    "recurrence": {"rrule": "FREQ=WEEKLY", "repeat_from": "due"},
}


async def test_nothing_that_it_said_is_left(ada: Person, database: asyncpg.Connection) -> None:
    canary = uuid4().hex
    house = await ada.make_project("House")
    todo = await ada.make_todo(canary, description=canary, **WEEKLY)
    await ada.make_todo(f"{canary} below", parent_id=todo["id"])
    await ada.make_comment(todo, canary)
    url = f"/v1/todos/{todo['id']}"
    assert (await ada.client.patch(url, json={"completed": True})).is_success
    # What it said in a project that it left is gone too.
    place = {"last": True, "project_id": house["id"]}
    assert (await ada.client.post(f"{url}/move", json=place)).is_success
    assert (await ada.client.patch(url, json={"title": f"{canary} again"})).is_success
    await trash(ada, todo)
    assert await found(database, canary) == {"changes", "comments", "todos"}
    await purge(ada, todo)
    assert await found(database, canary) == set()
    rows = "SELECT count(*) FROM completions WHERE todo_id = $1"
    assert await database.fetchval(rows, UUID(todo["id"])) == 0
    assert await trashed(ada) == []


async def test_that_it_happened_is_still_told(ada: Person, database: asyncpg.Connection) -> None:
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"])
    before = await told(database, parent)
    await trash(ada, parent)
    await purge(ada, parent)
    for row, number in ((parent, len(before)), (todo, 1)):
        events = await told(database, row)
        assert [event for event, _, _ in events[number:]] == ["todo.trashed", "todo.purged"]
        assert {(changed, after) for _, changed, after in events} == {("{}", "null")}


async def test_its_parent_is_as_it_was(ada: Person) -> None:
    parent = await ada.make_todo()
    todo = await ada.make_todo(parent_id=parent["id"])
    await trash(ada, todo)
    before = await read(ada, parent)
    await purge(ada, todo)
    assert await read(ada, parent) == before


@pytest.mark.parametrize("kind", ["todos", "projects"])
async def test_its_id_stays_taken(ada: Person, bob: Person, kind: str) -> None:
    made = await (ada.make_todo() if kind == "todos" else ada.make_project())
    await trash(ada, made)
    await purge(ada, made)
    for person in (ada, bob):
        for where, text in (("todos", {"title": "New"}), ("projects", {"name": "New"})):
            if where != kind:
                continue
            body = {"id": made["id"], **text}
            again = await person.client.post(f"/v1/{where}", json=body)
            assert (again.status_code, again.json()["code"]) == (409, "id_taken")


async def test_a_todo_and_a_project_of_the_same_id(ada: Person) -> None:
    """Ids are those of their table alone."""
    project = await ada.make_project()
    todo = await ada.make_todo(id=project["id"])
    await trash(ada, todo, project)
    assert (await ada.client.delete("/v1/trash")).status_code == 204
    for url, body in (("/v1/todos", {"title": "New"}), ("/v1/projects", {"name": "New"})):
        again = await ada.client.post(url, json={"id": todo["id"], **body})
        assert (again.status_code, again.json()["code"]) == (409, "id_taken")


async def test_the_ids_of_its_comments_stay_taken(ada: Person) -> None:
    todo = await ada.make_todo()
    comment = await ada.make_comment(todo)
    await trash(ada, todo)
    await purge(ada, todo)
    other = await ada.make_todo()
    again = await ada.client.post(
        f"/v1/todos/{other['id']}/comments", json={"id": comment["id"], "body": "New"}
    )
    assert (again.status_code, again.json()["code"]) == (409, "id_taken")


async def test_that_it_left_a_project_is_still_told_there(
    ada: Person, database: asyncpg.Connection
) -> None:
    garden = await ada.make_project()
    todo = await ada.make_todo(project_id=garden["id"])
    stays = await ada.make_todo("Stays")
    place = {"after": stays["id"]}
    assert (await ada.client.post(f"/v1/todos/{todo['id']}/move", json=place)).is_success
    await trash(ada, todo)
    await purge(ada, todo)
    left = await database.fetch(
        "SELECT event FROM changes WHERE project_id = $1 AND resource_id = $2 "
        "AND row_after -> 'project_id' = 'null'",
        UUID(garden["id"]),
        UUID(todo["id"]),
    )
    assert [event for (event,) in left] == ["todo.moved"]


async def test_many_comments_go_in_batches(
    settings: Settings, ada: Person, database: asyncpg.Connection
) -> None:
    """No statement deletes more of them, nor does the foreign key of a todo."""
    todo = await ada.make_todo()
    below = await ada.make_todo(parent_id=todo["id"])
    for _ in range(3):
        await ada.make_comment(todo)
        await ada.make_comment(below)
    await trash(ada, todo)
    await database.execute(
        "CREATE FUNCTION two_at_most() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF (SELECT count(*) FROM gone) > 2 THEN RAISE 'too many'; END IF; RETURN NULL; END $$; "
        "CREATE TRIGGER two_at_most AFTER DELETE ON comments REFERENCING OLD TABLE AS gone "
        "FOR EACH STATEMENT EXECUTE FUNCTION two_at_most()"
    )
    try:
        await purge_in_batches(settings, todo, 2)
    finally:
        await database.execute("DROP FUNCTION two_at_most CASCADE")
    left = "SELECT count(*) FROM comments WHERE todo_id = ANY($1)"
    assert await database.fetchval(left, [UUID(row["id"]) for row in (todo, below)]) == 0


async def test_who_sees_a_project_that_it_left_reads_nothing_of_it_any_more(
    ada: Person, bob: Person
) -> None:
    canary = uuid4().hex
    garden = await ada.make_project()
    await join(ada, garden, bob, "viewer")
    todo = await ada.make_todo(project_id=garden["id"])
    url = f"/v1/todos/{todo['id']}"
    assert (await ada.client.patch(url, json={"title": canary})).is_success
    place = {"last": True, "project_id": (await ada.inbox())["id"]}
    assert (await ada.client.post(f"{url}/move", json=place)).is_success
    await trash(ada, todo)
    activity = f"/v1/projects/{garden['id']}/activity"
    assert canary in (await bob.get(activity)).text
    await purge(ada, todo)
    assert canary not in (await bob.get(activity)).text


async def test_its_todos_count_no_more(ada: Person, database: asyncpg.Connection) -> None:
    count = "SELECT coalesce(sum(count), 0) FROM todo_counts WHERE owner_id = $1"
    garden = await ada.make_project()
    todo = await ada.make_todo()
    for _ in range(3):
        await ada.make_todo(project_id=garden["id"])
    await trash(ada, garden, todo)
    assert await database.fetchval(count, ada.id) == 4
    await purge(ada, garden)
    assert await database.fetchval(count, ada.id) == 1
    await purge(ada, todo)
    assert await database.fetchval(count, ada.id) == 0


async def test_all_at_once(ada: Person, bob: Person) -> None:
    theirs = await bob.make_todo()
    await trash(bob, theirs)
    garden = await ada.make_project()
    inner, kept, todo = [
        await ada.make_todo(project_id=garden["id"]),
        await ada.make_todo(),
        await ada.make_todo(),
    ]
    below = await ada.make_todo(parent_id=todo["id"])
    await trash(ada, below, todo, inner, garden)
    assert (await ada.client.delete("/v1/trash")).status_code == 204
    assert await trashed(ada) == []
    assert await is_there(ada, kept)
    assert await trashed(bob) == [theirs["id"]]
    for row in (garden, inner, todo, below):
        url = f"/v1/{'projects' if row is garden else 'todos'}/{row['id']}/restore"
        assert (await ada.client.post(url)).status_code == 404
    assert (await ada.client.delete("/v1/trash")).status_code == 204


async def test_what_is_below_on_its_own_account_stays(ada: Person) -> None:
    """At all levels, also where what is between is purged too."""
    chain = [await ada.make_todo("0")]
    for number in range(1, 5):
        chain.append(await ada.make_todo(str(number), parent_id=chain[-1]["id"]))
    for todo in reversed(chain):
        await trash(ada, todo)
    await purge(ada, chain[2], chain[0])
    assert await trashed(ada) == [chain[1]["id"], chain[3]["id"], chain[4]["id"]]
    assert (await restore(ada, chain[3]))["parent_id"] is None
    assert (await restore(ada, chain[4]))["parent_id"] == chain[3]["id"]
    assert (await restore(ada, chain[1]))["parent_id"] is None


async def test_a_precondition_is_refused(ada: Person) -> None:
    todo = await ada.make_todo()
    await trash(ada, todo)
    for url in (f"/v1/trash/{todo['id']}", "/v1/trash"):
        answer = await ada.client.delete(url, headers={"If-Match": '"2"'})
        assert answer.status_code == 412
    assert await trashed(ada) == [todo["id"]]


@pytest.mark.parametrize("which", ["todo", "project", "all"])
async def test_it_can_be_sent_again_under_a_key(ada: Person, which: str) -> None:
    todo, garden = await ada.make_todo(), await ada.make_project()
    await ada.make_todo(project_id=garden["id"])
    await trash(ada, todo, garden)
    one = {"todo": f"/{todo['id']}", "project": f"/{garden['id']}", "all": ""}[which]
    headers = {"Idempotency-Key": uuid4().hex}
    first, second = [await ada.client.delete(f"/v1/trash{one}", headers=headers) for _ in range(2)]
    assert [first.status_code, second.status_code] == [204, 204]
    assert second.headers["idempotency-replayed"] == "true"
