"""What the benchmark compares Tickbox with does the same, so that the comparison is fair."""

from collections.abc import AsyncIterator, Mapping

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, Response

from app.core.settings import Settings
from benchmarks import usual
from benchmarks.cases import CREATE, HELLO, LIST, PATCH, READ, Case
from benchmarks.floor import Floor
from tests.people import Json, Person

DUES = (
    None,
    {"date": "2026-11-30"},
    {"datetime": "2026-11-30T09:00:00", "timezone": None},
    {"datetime": "2026-11-30T09:00:00", "timezone": "Europe/Berlin"},
)
# What differs between any two answers to the same write.
OWN = {"id", "position", "created_at", "updated_at", "completed_at"}


@pytest.fixture
async def peers(
    ada: Person, app: FastAPI, settings: Settings
) -> AsyncIterator[Mapping[str, AsyncClient]]:
    """All three, asked by Ada."""
    floor = Floor(settings, reader=ada.id, writer=ada.id)
    other = usual.create_app(settings)
    token = f"Bearer {usual.token_for(ada.id, settings)}"
    async with (
        other.router.lifespan_context(other),
        AsyncClient(transport=ASGITransport(floor), base_url="http://floor") as floor_client,
        AsyncClient(
            transport=ASGITransport(other),
            base_url="http://usual",
            headers={"Authorization": token},
        ) as usual_client,
    ):
        await ada.make_todo()
        await floor.start()
        yield {"Tickbox": ada.client, "floor": floor_client, "usual": usual_client}
        await floor.stop()


async def ask(client: AsyncClient, case: Case, todo_id: str = "", number: int = 0) -> Response:
    response = await client.request(
        case.method,
        case.path.replace("{id}", todo_id),
        content=case.body.replace("{n}", str(number)),
        headers={"Content-Type": "application/json"} if case.body else {},
    )
    assert response.is_success, response.text
    return response


async def test_the_peers_read_the_same(ada: Person, peers: Mapping[str, AsyncClient]) -> None:
    todos = [
        await ada.make_todo(priority="high", due=due, completed=due is None, description="*Now*")
        for due in DUES * 6
    ]

    for todo in todos[:4]:
        answers = [(await ask(client, READ, todo["id"])).json() for client in peers.values()]
        assert answers == [todo] * 3
    pages = [(await ask(client, LIST)).json()["items"] for client in peers.values()]
    assert pages == [todos[:-21:-1]] * 3
    assert len({(await ask(client, HELLO)).content for client in peers.values()}) == 1
    # The page that the floor stored when it started.
    cached = (await peers["floor"].get("/cached")).json()
    assert [todo["title"] for todo in cached["items"]] == ["Book the train"]


async def test_the_peers_write_the_same(ada: Person, peers: Mapping[str, AsyncClient]) -> None:
    for case in (CREATE, PATCH):
        todos: list[Json] = []
        for number, client in enumerate(peers.values()):
            todo_id = (await ada.make_todo())["id"]
            todo = (await ask(client, case, todo_id, number)).json()
            assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo
            assert todo["title"] == f"Book the train {number}"
            todos.append({k: v for k, v in todo.items() if k not in {*OWN, "title"}})
        assert todos == todos[:1] * 3
