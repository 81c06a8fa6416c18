"""`POST /v1/oauth/token` with a refresh token: each is good for one use."""

import asyncio

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.features.routes import SCOPES
from tests.apps import client_of
from tests.features.auth.tokens import assert_refused, is_alive, refresh, renewed
from tests.people import PASSWORD, Person, sign_in


async def test_gives_new_tokens_each_time(app: FastAPI, client: AsyncClient, ada: Person) -> None:
    first = ada.tokens
    response = await refresh(client, first)
    second = response.json()
    third = await renewed(client, second)

    assert response.headers["cache-control"] == "no-store"
    assert set(second) == set(first)
    for name in ("access_token", "refresh_token"):
        assert len({tokens[name] for tokens in (first, second, third)}) == 3
    assert second["scope"] == first["scope"]
    assert [await is_alive(app, tokens) for tokens in (first, second, third)] == [True] * 3


@pytest.mark.parametrize("refreshes", [1, 3])
async def test_a_second_use_ends_all_that_came_from_the_sign_in(
    app: FastAPI, client: AsyncClient, ada: Person, refreshes: int
) -> None:
    tokens = [ada.tokens]
    for _ in range(refreshes):
        tokens.append(await renewed(client, tokens[-1]))
    newest = tokens[-1]
    assert await is_alive(app, newest)

    assert_refused(await refresh(client, tokens[0]))

    assert_refused(await refresh(client, newest))
    assert [await is_alive(app, each) for each in tokens] == [False] * len(tokens)


async def test_a_second_use_leaves_other_sessions(
    app: FastAPI, client: AsyncClient, ada: Person
) -> None:
    other = await sign_in(client, ada.user["email"])
    await renewed(client, ada.tokens)
    assert_refused(await refresh(client, ada.tokens))

    assert await is_alive(app, other)
    assert await is_alive(app, await renewed(client, other))


async def test_of_twenty_at_once_at_most_one_succeeds_and_then_all_is_over(
    app: FastAPI, client: AsyncClient, ada: Person
) -> None:
    responses = await asyncio.gather(*(refresh(client, ada.tokens) for _ in range(20)))

    granted = [response.json() for response in responses if response.status_code == 200]
    assert len(granted) <= 1
    for response in responses:
        if response.status_code != 200:
            assert_refused(response)
    for tokens in (ada.tokens, *granted):
        assert not await is_alive(app, tokens)
        assert_refused(await refresh(client, tokens))


@pytest.mark.parametrize("token", ["", "tbr_", "tbr_" + "x" * 43, "\0", "{token}x", " {token}"])
async def test_refuses_what_is_no_token_of_ours(
    app: FastAPI, client: AsyncClient, ada: Person, token: str
) -> None:
    sent = token.format(token=ada.tokens["refresh_token"])
    response = await refresh(client, {"refresh_token": sent})

    assert response.status_code == 400
    assert response.json()["error"] == ("invalid_grant" if sent else "invalid_request")
    assert await is_alive(app, await renewed(client, ada.tokens))


async def test_takes_no_access_token(client: AsyncClient, ada: Person) -> None:
    assert_refused(await refresh(client, {"refresh_token": ada.tokens["access_token"]}))


async def test_keeps_no_token_but_its_hash(ada: Person, database: asyncpg.Connection) -> None:
    rows = await database.fetch(
        "SELECT refresh_tokens.*, sessions.* FROM refresh_tokens "
        "JOIN sessions ON sessions.id = session_id WHERE user_id = $1",
        ada.id,
    )
    assert len(rows) == 1
    kept = str([dict(row) for row in rows])
    assert ada.tokens["refresh_token"] not in kept
    assert ada.tokens["access_token"] not in kept


class TestScope:
    async def test_can_be_narrowed_for_one_access_token(
        self, app: FastAPI, client: AsyncClient, ada: Person
    ) -> None:
        narrow = await renewed(client, ada.tokens, scope="todos:read")
        assert narrow["scope"] == "todos:read"
        async with client_of(app, narrow["access_token"]) as reader:
            assert (await reader.get("/v1/todos")).status_code == 200
            assert (await reader.get("/v1/projects")).status_code == 403

        # RFC 6749, section 6: the refresh token's scope stays that of the sign-in.
        wide = await renewed(client, narrow)
        assert wide["scope"] == " ".join(sorted(SCOPES))

    async def test_cannot_be_widened(self, client: AsyncClient, ada: Person) -> None:
        tokens = await sign_in(client, ada.user["email"], scope="todos:read")
        for scope in ("todos:read todos:write", "account:manage", "unknown"):
            response = await refresh(client, tokens, scope=scope)
            assert response.status_code == 400
            assert response.json()["error"] == "invalid_scope"

        # What was refused did not use the token up.
        assert (await renewed(client, tokens, scope=""))["scope"] == "todos:read"


async def test_signing_in_again_is_another_session(client: AsyncClient, ada: Person) -> None:
    again = await client.post(
        "/v1/oauth/token",
        data={"grant_type": "password", "username": ada.user["email"], "password": PASSWORD},
    )
    assert again.json()["refresh_token"] != ada.tokens["refresh_token"]
    await renewed(client, ada.tokens)
    await renewed(client, again.json())
