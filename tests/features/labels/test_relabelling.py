"""A rename or a deletion reaches every todo that has the label, and tells all who see one."""

from typing import Any

import asyncpg
import pytest

from app.features.todos import relabelling
from app.features.todos.sql.writes import TODOS
from tests.features.todos.changes import Log
from tests.people import Json, Person, share, until_cached

_OF_TODOS = "SELECT id, labels, label_keys, version FROM todos WHERE created_by = $1 ORDER BY id"


async def _label(person: Person, name: str) -> str:
    labels = await person.walk("/v1/labels")
    return next(f"/v1/labels/{label['id']}" for label in labels if label["name"] == name)


async def _rename(person: Person, old: str, new: str) -> Json:
    answer = await person.client.patch(await _label(person, old), json={"name": new})
    assert answer.status_code == 200, answer.text
    label: Json = answer.json()
    return label


async def _delete(person: Person, name: str) -> None:
    assert (await person.client.delete(await _label(person, name))).status_code == 204


@pytest.fixture(params=[1, 2, 1_000])
def batches(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many todos are changed at once."""
    monkeypatch.setattr(relabelling, "_MAX_TODOS", request.param)


async def _everywhere(person: Person, labels: list[str]) -> list[Json]:
    """A tree of todos, and one in another project, in an archived one, and two in the trash."""
    garden, old, gone = [await person.make_project(name) for name in ("Garden", "Old", "Gone")]
    root = await person.make_todo(labels=labels)
    below = await person.make_todo(parent_id=root["id"], labels=labels)
    todos = [root, below, await person.make_todo(parent_id=below["id"], labels=labels)]
    todos += [
        await person.make_todo(project_id=p["id"], labels=labels) for p in (garden, old, gone)
    ]
    trashed = await person.make_todo(labels=labels)
    assert (await person.client.delete(f"/v1/todos/{trashed['id']}")).status_code == 204
    archived = await person.client.patch(f"/v1/projects/{old['id']}", json={"archived": True})
    assert archived.is_success
    assert (await person.client.delete(f"/v1/projects/{gone['id']}")).status_code == 204
    return [*todos, trashed]


@pytest.mark.usefixtures("batches")
async def test_a_new_name_is_on_all_in_order_with_a_version_and_a_change_each(
    ada: Person, database: asyncpg.Connection
) -> None:
    todos = await _everywhere(ada, ["b", "M"])
    other = await ada.make_todo(labels=["other"])
    before = {row["id"]: row["version"] for row in await database.fetch(_OF_TODOS, ada.id)}
    log = Log(database, ada)
    await log.new()

    await _rename(ada, "b", "Z")

    after = {str(row["id"]): row for row in await database.fetch(_OF_TODOS, ada.id)}
    assert (after[other["id"]]["labels"], after[other["id"]]["version"]) == (["other"], 1)
    changes = {str(change["resource_id"]): change for change in await log.new()}
    assert changes.keys() == {todo["id"] for todo in todos}
    for todo_id, change in changes.items():
        row = after[todo_id]
        assert (row["labels"], row["label_keys"]) == (["M", "Z"], ["m", "z"])
        assert row["version"] == before[row["id"]] + 1 == change["row_after"]["version"]
        assert change["event"] == "todo.updated"
        assert change["changed"] == {"labels": {"from": ["b", "M"], "to": ["M", "Z"]}}
    found = await ada.get("/v1/todos?label=z")
    assert len(found.json()["items"]) == 4
    assert (await ada.get("/v1/todos?label=b")).json()["items"] == []


@pytest.mark.usefixtures("batches")
async def test_a_deletion_takes_it_off_all(ada: Person, database: asyncpg.Connection) -> None:
    todos = await _everywhere(ada, ["b", "M"])
    log = Log(database, ada)
    await log.new()

    await _delete(ada, "b")

    for row in await database.fetch(_OF_TODOS, ada.id):
        assert (row["labels"], row["label_keys"]) == (["M"], ["m"])
    changes = await log.new()
    assert len(changes) == len(todos)
    assert all(change["event"] == "todo.updated" for change in changes)
    again = await ada.make_todo(labels=["B"])
    assert again["labels"] == ["B"]


async def test_another_spelling_of_the_same_reaches_all_too(ada: Person) -> None:
    todo = await ada.make_todo(labels=["home"])
    await _rename(ada, "home", "HOME")
    read = (await ada.get(f"/v1/todos/{todo['id']}")).json()
    assert (read["labels"], read["version"]) == (["HOME"], 2)
    assert (await ada.make_todo(labels=["home"]))["labels"] == ["HOME"]


async def test_a_new_color_raises_the_label_s_version_alone(ada: Person) -> None:
    todo = await ada.make_todo(labels=["home"])
    answer = await ada.client.patch(await _label(ada, "home"), json={"color": "#000000"})
    assert answer.json()["version"] == 2
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo


async def test_labels_of_others_by_that_name_stay(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    """Also on todos that the owner of this one made, or sees."""
    project = await bob.make_project()
    await share(database, project, ada)
    theirs = await ada.make_todo(project_id=project["id"], labels=["home"])
    mine = await ada.make_todo(labels=["home"])
    await _delete(ada, "home")
    assert (await ada.get(f"/v1/todos/{theirs['id']}")).json()["labels"] == ["home"]
    assert (await ada.get(f"/v1/todos/{mine['id']}")).json()["labels"] == []


async def test_one_that_is_taken_changes_nothing(ada: Person) -> None:
    todo = await ada.make_todo(labels=["a", "b"])
    answer = await ada.client.patch(await _label(ada, "a"), json={"name": "B"})
    assert answer.status_code == 409
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo


@pytest.mark.usefixtures("batches")
async def test_whoever_sees_one_reads_nothing_older(
    ada: Person, bob: Person, database: asyncpg.Connection
) -> None:
    first, second = await ada.make_project("First"), await ada.make_project("Second")
    for project in (first, second):
        await ada.make_todo(project_id=project["id"], labels=["home"])
    await share(database, second, bob)
    url = f"/v1/todos?project_id={second['id']}"
    labels = f"/v1/labels?project_id={second['id']}"
    for name, new in (("home", "house"), ("house", "HOUSE")):
        for address in (url, labels):
            await until_cached(bob, address)
        await _rename(ada, name, new)
        [todo] = (await bob.get(url)).json()["items"]
        assert todo["labels"] == [new]
        assert [label["name"] for label in (await bob.get(labels)).json()["items"]] == [new]


async def test_long_descriptions_are_changed_few_at_a_time(
    ada: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches: list[int] = []
    changed = TODOS.changed

    def noted(changes: Any) -> str:
        batches.append(len(changes))
        return changed(changes)

    for _ in range(5):
        await ada.make_todo(labels=["home"], description="\u00e9" * 1_000)
    monkeypatch.setattr(relabelling, "_MAX_BYTES", 4_500)
    monkeypatch.setattr(relabelling, "TODOS", type("T", (), {"changed": staticmethod(noted)}))
    await _rename(ada, "home", "house")
    assert batches == [2, 2, 1]


async def test_a_name_that_is_on_a_todo_already_is_there_once(
    ada: Person, database: asyncpg.Connection
) -> None:
    """As after a project went to another owner, who has no such label."""
    todo = await ada.make_todo(labels=["a", "b"])
    await database.execute("DELETE FROM labels WHERE owner_id = $1 AND name = 'b'", ada.id)
    await _rename(ada, "a", "B")
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json()["labels"] == ["B"]
