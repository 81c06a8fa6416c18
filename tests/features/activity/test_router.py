"""`/v1/todos/{todo_id}/activity` and `/v1/projects/{project_id}/activity`."""

from uuid import UUID

from tests.people import Json, Person, until_cached


def events(items: list[Json]) -> list[str]:
    return [item["event"] for item in items]


async def test_an_item_says_who_did_what_to_what(ada: Person) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo("Old", project_id=project["id"])
    patch = {"title": "New", "priority": "high"}
    patched = (await ada.client.patch(f"/v1/todos/{todo['id']}", json=patch)).json()

    for url in (f"/v1/todos/{todo['id']}/activity", f"/v1/projects/{project['id']}/activity"):
        updated, created, *_ = (await ada.get(url)).json()["items"]
        assert updated == {
            "id": updated["id"],
            "at": patched["updated_at"],
            "actor_id": str(ada.id),
            "event": "todo.updated",
            "type": "todo",
            "resource_id": todo["id"],
            "changes": {
                "title": {"from": "Old", "to": "New"},
                "priority": {"from": "none", "to": "high"},
            },
        }
        assert (created["event"], created["changes"]) == ("todo.created", {})
        ids = [UUID(item["id"]) for item in (created, updated)]
        assert [each.version for each in ids] == [7, 7]
        assert ids == sorted(ids)


async def test_a_todo_s_has_its_comments_and_a_project_s_all_in_it(ada: Person) -> None:
    project = await ada.make_project()
    todo = await ada.make_todo(project_id=project["id"])
    other = await ada.make_todo(project_id=project["id"])
    comment = await ada.make_comment(todo, "a")
    url = f"/v1/todos/{todo['id']}/comments/{comment['id']}"
    await ada.client.patch(url, json={"body": "b"})
    await ada.client.delete(url)
    await ada.make_comment(other)
    await ada.client.patch(f"/v1/todos/{todo['id']}", json={"completed": True})
    await ada.client.patch(f"/v1/projects/{project['id']}", json={"name": "House"})

    items = await ada.walk(f"/v1/todos/{todo['id']}/activity", limit=1)
    assert events(items) == [
        "todo.completed", "comment.deleted", "comment.updated", "comment.created", "todo.created",
    ]  # fmt: skip
    assert items[2]["changes"] == {"body": {"from": "a", "to": "b"}}
    assert (items[2]["type"], items[2]["resource_id"]) == ("comment", comment["id"])
    items = await ada.walk(f"/v1/projects/{project['id']}/activity", limit=2)
    assert events(items) == [
        "project.updated", "todo.completed", "comment.created", "comment.deleted",
        "comment.updated", "comment.created", "todo.created", "todo.created", "project.created",
    ]  # fmt: skip
    assert len({item["id"] for item in items}) == len(items)


async def test_it_is_paged_by_key_and_counted(ada: Person) -> None:
    project, todo = await ada.make_project(), await ada.make_todo()
    for url in (f"/v1/todos/{todo['id']}/activity", f"/v1/projects/{project['id']}/activity"):
        resource = url.removesuffix("/activity")
        for n in range(4):
            body = {"title" if "todos" in url else "name": f"{n}"}
            assert (await ada.client.patch(resource, json=body)).is_success
        page = await ada.get(url, params={"limit": 2, "include_total": "true"})
        assert (len(page.json()["items"]), page.json()["total"]) == (2, 5)
        cursor = page.json()["next_cursor"]
        rest = await ada.get(url, params={"cursor": cursor})
        found = events([*page.json()["items"], *rest.json()["items"]])
        assert [each.rpartition(".")[2] for each in found] == ["updated"] * 4 + ["created"]
    # Of another one, or of what is no todo, a cursor is none.
    other = await ada.make_project()
    foreign = await ada.get(f"/v1/projects/{other['id']}/activity", params={"cursor": cursor})
    assert (foreign.status_code, foreign.json()["code"]) == (422, "cursor_invalid")


async def test_what_changes_nothing_is_none(ada: Person) -> None:
    todo = await ada.make_todo("Same")
    url = f"/v1/todos/{todo['id']}"
    assert (await ada.client.patch(url, json={"title": "Same"})).is_success
    assert events(await ada.walk(f"{url}/activity")) == ["todo.created"]


async def test_a_write_is_seen_at_once(ada: Person) -> None:
    todo = await ada.make_todo()
    urls = [
        f"/v1/{place}/activity"
        for place in (f"todos/{todo['id']}", f"projects/{todo['project_id']}")
    ]
    for write in ("comment", "todo"):
        for url in urls:
            await until_cached(ada, url)
        if write == "comment":
            await ada.make_comment(todo)
        else:
            await ada.client.patch(f"/v1/todos/{todo['id']}", json={"title": "New"})
        for url in urls:
            newest = (await ada.get(url)).json()["items"][0]
            assert newest["type"] == write


async def test_a_page_ends_at_its_size_and_nothing_is_lost(ada: Person) -> None:
    todo = await ada.make_todo()
    url = f"/v1/todos/{todo['id']}"
    for n in range(13):
        text = f"{n}" + "\U0001f600" * 49_000
        assert (await ada.client.patch(url, json={"description": text})).is_success
    items = (await ada.get(f"{url}/activity")).json()["items"]
    assert 9 < len(items) < 13
    assert len(await ada.walk(f"{url}/activity")) == 14
