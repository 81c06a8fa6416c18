"""What clients do with their tokens."""

from typing import Any

from fastapi import FastAPI
from httpx import AsyncClient, Response

from tests.apps import client_of
from tests.people import Json


async def refresh(client: AsyncClient, tokens: Json, **fields: Any) -> Response:
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], **fields}
    return await client.post("/v1/oauth/token", data=form)


async def renewed(client: AsyncClient, tokens: Json, **fields: Any) -> Json:
    response = await refresh(client, tokens, **fields)
    assert response.status_code == 200, response.text
    renewed: Json = response.json()
    return renewed


async def is_alive(app: FastAPI, tokens: Json) -> bool:
    """Whether the access token is taken."""
    async with client_of(app, tokens["access_token"]) as client:
        response = await client.get("/v1/users/me")
    assert response.status_code in (200, 401)
    if response.status_code == 401:
        assert response.json()["code"] == "invalid_token"
    return response.status_code == 200


def assert_refused(response: Response) -> None:
    assert response.status_code == 400
    assert response.headers["cache-control"] == "no-store"
    assert response.json() == {
        "error": "invalid_grant",
        "error_description": "The credentials are not valid",
    }


async def revoke(client: AsyncClient, token: str, **fields: Any) -> Response:
    return await client.post("/v1/oauth/revoke", data={"token": token, **fields})
