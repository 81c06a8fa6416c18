"""`POST /v1/oauth/revoke` (RFC 7009): the session of a token ends."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from tests.features.auth.tokens import assert_refused, is_alive, refresh, renewed, revoke
from tests.people import Person, sign_in


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("refresh_token", None),
        ("access_token", None),
        ("refresh_token", "access_token"),
        ("access_token", "unheard_of"),
    ],
)
async def test_ends_the_session_of_either_token(
    app: FastAPI, client: AsyncClient, ada: Person, name: str, hint: str | None
) -> None:
    newest = await renewed(client, ada.tokens)
    fields = {} if hint is None else {"token_type_hint": hint}
    response = await revoke(client, newest[name], **fields)

    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["cache-control"] == "no-store"
    # At once: the very next request is refused.
    assert not await is_alive(app, newest)
    assert not await is_alive(app, ada.tokens)
    assert_refused(await refresh(client, newest))


async def test_says_in_what_way_the_token_is_refused_then(client: AsyncClient, ada: Person) -> None:
    await revoke(client, ada.tokens["access_token"])
    response = await ada.get("/v1/todos")

    assert response.status_code == 401
    assert response.json()["code"] == "invalid_token"
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'


async def test_leaves_other_sessions(app: FastAPI, client: AsyncClient, ada: Person) -> None:
    other = await sign_in(client, ada.user["email"])
    await revoke(client, ada.tokens["refresh_token"])

    assert not await is_alive(app, ada.tokens)
    assert await is_alive(app, other)


async def test_twice_is_as_good_as_once(app: FastAPI, client: AsyncClient, ada: Person) -> None:
    for name in ("refresh_token", "refresh_token", "access_token"):
        assert (await revoke(client, ada.tokens[name])).status_code == 200
    assert not await is_alive(app, ada.tokens)


async def test_while_the_token_is_being_refreshed_leaves_none_alive(
    app: FastAPI, client: AsyncClient, ada: Person
) -> None:
    for _ in range(5):
        tokens = await sign_in(client, ada.user["email"])
        answers = await asyncio.gather(
            refresh(client, tokens), revoke(client, tokens["access_token"])
        )
        assert answers[1].status_code == 200
        assert not await is_alive(app, tokens)
        if answers[0].status_code == 200:
            assert not await is_alive(app, answers[0].json())
            assert_refused(await refresh(client, answers[0].json()))
        else:
            assert_refused(answers[0])


async def test_of_a_refresh_token_that_was_used_ends_the_session(
    app: FastAPI, client: AsyncClient, ada: Person
) -> None:
    newest = await renewed(client, ada.tokens)
    await revoke(client, ada.tokens["refresh_token"])
    assert not await is_alive(app, newest)


@pytest.mark.parametrize(
    "token", ["unknown", "tbr_" + "x" * 43, "a.b.c", "\0", "ü", "{access}==", "x" * 4096]
)
async def test_of_what_is_no_token_of_ours_is_fine_and_does_nothing(
    app: FastAPI, client: AsyncClient, ada: Person, token: str
) -> None:
    sent = token.format(access=ada.tokens["access_token"])
    assert (await revoke(client, sent)).status_code == 200
    assert await is_alive(app, ada.tokens)


@pytest.mark.parametrize("fields", [{}, {"token": ""}, {"token": ["a", "b"]}])
async def test_wants_one_token(client: AsyncClient, fields: dict[str, Any]) -> None:
    response = await client.post("/v1/oauth/revoke", data={"client_id": "swagger", **fields})
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"
