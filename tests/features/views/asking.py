"""Requests for views, and what is said in the answers."""

from typing import Any

from httpx import Response

from tests.people import Json, Person


def at(local: str, zone: str | None = None) -> Json:
    return {"datetime": local, "timezone": zone}


async def listed(person: Person, view: str, **params: Any) -> str:
    """The titles, in the order of the answer."""
    response = await person.get(f"/v1/views/{view}", params=params)
    assert response.status_code == 200, response.text
    return "".join(todo["title"] for todo in response.json()["items"])


async def live_in(person: Person, zone: str) -> None:
    response = await person.client.patch("/v1/users/me", json={"timezone": zone})
    assert response.status_code == 200, response.text


async def patch(person: Person, url: str, **fields: Any) -> Json:
    response = await person.client.patch(url, json=fields)
    assert response.status_code == 200, response.text
    changed: Json = response.json()
    return changed


def code(response: Response) -> tuple[int, str, str]:
    problem = response.json()
    return response.status_code, problem["code"], problem["errors"][0]["pointer"]
