"""Requests about todos that repeat."""

from typing import Any

from httpx import Response

from tests.people import Json, Person

WEEKLY = "FREQ=WEEKLY"


def day(date: str) -> Json:
    return {"date": date}


def at(clock: str, timezone: str | None = None) -> Json:
    return {"datetime": clock, "timezone": timezone}


def recurrence(rrule: str = WEEKLY, repeat_from: str = "due") -> Json:
    return {"rrule": rrule, "repeat_from": repeat_from}


async def make(
    person: Person, due: Json, rrule: str = WEEKLY, repeat_from: str = "due", **fields: Any
) -> Json:
    return await person.make_todo(due=due, recurrence=recurrence(rrule, repeat_from), **fields)


async def send(person: Person, todo: Json, **fields: Any) -> Response:
    return await person.client.patch(f"/v1/todos/{todo['id']}", json=fields)


async def patched(person: Person, todo: Json, **fields: Any) -> Json:
    response = await send(person, todo, **fields)
    assert response.status_code == 200, response.text
    changed: Json = response.json()
    return changed


async def tick(person: Person, todo: Json) -> Json:
    """Complete it by PATCH."""
    return await patched(person, todo, completed=True)


async def complete(person: Person, todo: Json, occurrence: Json | None = None) -> Response:
    """Complete an occurrence, the one that is known if none is named."""
    return await person.client.post(
        f"/v1/todos/{todo['id']}/completions", json={"occurrence": occurrence or todo["due"]}
    )


async def completed(person: Person, todo: Json) -> tuple[Json, Json]:
    """The completion, and the todo after it."""
    response = await complete(person, todo)
    assert response.status_code == 201, response.text
    return response.json()["completion"], response.json()["todo"]


async def take_back(person: Person, todo: Json, completion: Json) -> Response:
    return await person.client.delete(f"/v1/todos/{todo['id']}/completions/{completion['id']}")


async def read(person: Person, todo: Json) -> Json:
    response = await person.get(f"/v1/todos/{todo['id']}")
    assert response.status_code == 200, response.text
    found: Json = response.json()
    return found


async def done(person: Person, todo: Json) -> list[Json]:
    """The occurrences that were completed, the newest first."""
    items = await person.walk(f"/v1/todos/{todo['id']}/completions")
    return [item["occurrence"] for item in items]


async def occurrences(person: Person, todo: Json, limit: int = 10) -> list[Json]:
    response = await person.get(f"/v1/todos/{todo['id']}/occurrences?limit={limit}")
    assert response.status_code == 200, response.text
    items: list[Json] = response.json()["items"]
    return items


def problem(response: Response) -> tuple[int, str, list[str]]:
    """The status, the code, and which fields are wrong."""
    body = response.json()
    return response.status_code, body["code"], [error["pointer"] for error in body["errors"]]
