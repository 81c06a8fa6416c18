"""Ids that clients choose: UUIDv7, taken once, and never again."""

import asyncio
from collections import Counter
from uuid import UUID, uuid1, uuid4

from httpx import Response

from app.core.clock import new_id
from tests.people import Json, Person


async def _create(person: Person, todo_id: object, **fields: object) -> Response:
    return await person.client.post("/v1/todos", json={"id": str(todo_id), "title": "T", **fields})


async def test_a_client_may_choose_the_id(ada: Person) -> None:
    todo_id = new_id()

    response = await _create(ada, todo_id)

    assert response.status_code == 201
    assert response.json()["id"] == str(todo_id)
    assert response.headers["location"] == f"/v1/todos/{todo_id}"
    assert (await ada.get(f"/v1/todos/{todo_id}")).json() == response.json()


async def test_an_id_is_answered_in_lower_case(ada: Person) -> None:
    todo_id = str(new_id())

    assert (await _create(ada, todo_id.upper())).json()["id"] == todo_id


async def test_an_id_that_is_no_uuidv7_is_422(ada: Person) -> None:
    for todo_id in (uuid1(), uuid4(), UUID(int=0), UUID(int=2**128 - 1), "", "7"):
        response = await _create(ada, todo_id)
        assert response.status_code == 422
        [error] = response.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/id", "invalid_id")


async def test_a_taken_id_is_409(ada: Person) -> None:
    todo = await ada.make_todo()

    response = await _create(ada, todo["id"])

    assert response.status_code == 409
    assert response.json()["code"] == "id_taken"
    assert (await ada.get(f"/v1/todos/{todo['id']}")).json() == todo


async def test_an_id_that_somebody_else_took_is_409_too(ada: Person, bob: Person) -> None:
    todo = await ada.make_todo()

    response = await _create(bob, todo["id"])

    assert (response.status_code, response.json()["code"]) == (409, "id_taken")
    assert "Book the train" not in response.text
    assert (await bob.get(f"/v1/todos/{todo['id']}")).status_code == 404


async def test_an_id_is_not_given_again_after_a_delete(ada: Person, bob: Person) -> None:
    todo = await ada.make_todo()
    await ada.client.delete(f"/v1/todos/{todo['id']}")

    for person in (ada, bob):
        response = await _create(person, todo["id"])
        assert (response.status_code, response.json()["code"]) == (409, "id_taken")


async def test_a_subtask_with_a_taken_id_leaves_its_parent_alone(ada: Person) -> None:
    parent, todo = await ada.make_todo(), await ada.make_todo()

    response = await _create(ada, todo["id"], parent_id=parent["id"])

    assert (response.status_code, response.json()["code"]) == (409, "id_taken")
    assert (await ada.get(f"/v1/todos/{parent['id']}")).json() == parent


async def test_of_twenty_twins_exactly_one_is_made(ada: Person, bob: Person) -> None:
    todo_id = new_id()

    responses = await asyncio.gather(*(_create((ada, bob)[n % 2], todo_id) for n in range(20)))

    assert Counter(response.status_code for response in responses) == {201: 1, 409: 19}
    codes = {response.json()["code"] for response in responses if response.status_code == 409}
    assert codes == {"id_taken"}
    owners = [person for person in (ada, bob) if await _sees(person, todo_id)]
    assert len(owners) == 1


async def test_of_twenty_twin_subtasks_exactly_one_is_counted(ada: Person) -> None:
    parent, todo_id = await ada.make_todo(), new_id()

    responses = await asyncio.gather(
        *(_create(ada, todo_id, parent_id=parent["id"]) for _ in range(20))
    )

    assert Counter(response.status_code for response in responses) == {201: 1, 409: 19}
    assert await _read(ada, parent["id"]) == {
        **parent,
        "version": 2,
        "subtask_count": 1,
        "updated_at": (await _read(ada, parent["id"]))["updated_at"],
    }


async def _sees(person: Person, todo_id: UUID) -> bool:
    return (await person.get(f"/v1/todos/{todo_id}")).status_code == 200


async def _read(person: Person, todo_id: str) -> Json:
    todo: Json = (await person.get(f"/v1/todos/{todo_id}")).json()
    return todo
