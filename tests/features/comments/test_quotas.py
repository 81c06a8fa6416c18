"""How many comments a todo has at most."""

from fastapi import FastAPI

from app.core.settings import Settings
from tests.apps import running
from tests.people import Person, sign_up


async def test_a_todo_has_so_many_and_a_deleted_one_leaves_room(settings: Settings) -> None:
    async with running(settings, quota_comments=2) as app, sign_up(app) as ada:
        todo, other = await ada.make_todo(), await ada.make_todo()
        url = f"/v1/todos/{todo['id']}/comments"
        comment, _ = [await ada.make_comment(todo) for _ in range(2)]
        refused = await ada.client.post(url, json={"body": "x"})
        assert (refused.status_code, refused.json()["code"]) == (409, "quota_exceeded")
        assert refused.json()["params"] == {"quota": "comments"}
        await ada.make_comment(other)
        assert (await ada.client.delete(f"{url}/{comment['id']}")).status_code == 204
        await ada.make_comment(todo)
        assert len((await ada.get(url)).json()["items"]) == 2


async def test_by_default_it_is_a_thousand(app: FastAPI, ada: Person) -> None:
    assert app.state.settings.quota_comments == 1_000
