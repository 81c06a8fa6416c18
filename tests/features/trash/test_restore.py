"""A restored todo is as it was, with what went along, in its place or the next best one."""

from tests.people import Json, Person


async def trash(person: Person, *todos: Json) -> None:
    for todo in todos:
        answer = await person.client.delete(f"/v1/todos/{todo['id']}")
        assert answer.status_code == 204, answer.text


async def restore(person: Person, todo: Json) -> Json:
    answer = await person.client.post(f"/v1/todos/{todo['id']}/restore")
    assert answer.status_code == 200, answer.text
    assert answer.headers["etag"] == f'"{answer.json()["version"]}"'
    restored: Json = answer.json()
    return restored


def unchanged(todo: Json) -> Json:
    return {name: value for name, value in todo.items() if name not in ("version", "updated_at")}


async def test_it_comes_back_as_it_was(ada: Person) -> None:
    todo = await ada.make_todo(description="At the window", labels=["Errands"], priority="high")
    await trash(ada, todo)
    restored = await restore(ada, todo)
    assert unchanged(restored) == unchanged(todo)
    assert restored["version"] == todo["version"] + 2
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == restored


async def test_the_trash_lists_what_was_deleted_itself(ada: Person) -> None:
    todo = await ada.make_todo("Travel")
    await ada.make_todo("Book", parent_id=todo["id"])
    assert (await ada.get("/v1/trash")).json()["items"] == []
    await trash(ada, todo)
    [item] = (await ada.get("/v1/trash")).json()["items"]
    assert {name: item[name] for name in ("type", "id", "project_id", "title")} == {
        "type": "todo",
        "id": todo["id"],
        "project_id": todo["project_id"],
        "title": "Travel",
    }
    await restore(ada, todo)
    assert (await ada.get("/v1/trash")).json()["items"] == []
