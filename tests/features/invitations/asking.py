"""What the tests of invitations ask for."""

from httpx import Response

from tests.people import Json, Person

MINE = "/v1/invitations"


def url(project: Json, invitation: Json | None = None) -> str:
    address = f"/v1/projects/{project['id']}/invitations"
    return address if invitation is None else f"{address}/{invitation['id']}"


def problem(response: Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


async def items(person: Person, address: str = MINE) -> list[Json]:
    response = await person.get(address)
    assert response.status_code == 200, response.text
    found: list[Json] = response.json()["items"]
    return found


async def answer(person: Person, invitation: Json, how: str) -> Response:
    return await person.client.post(f"{MINE}/{invitation['id']}/{how}")


async def by_token(person: Person, token: str) -> Response:
    return await person.client.post(f"{MINE}/accept", json={"token": token})
