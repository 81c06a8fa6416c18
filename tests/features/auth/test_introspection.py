"""`POST /v1/oauth/introspect` (RFC 7662): what one's own tokens are good for."""

from datetime import datetime
from uuid import uuid4

import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.core.settings import Settings
from tests.apps import Clock, client_of, running
from tests.features.auth.tokens import renewed, revoke
from tests.people import Json, Person, sign_in, sign_up

URL = "/v1/oauth/introspect"
INACTIVE = {"active": False}


async def introspect(client: AsyncClient, token: str, **fields: str) -> Json:
    response = await client.post(URL, data={"token": token, **fields})
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    answer: Json = response.json()
    return answer


async def test_says_what_an_access_token_is_good_for(settings: Settings) -> None:
    clock = Clock()
    async with running(settings, now=clock) as app, sign_up(app) as ada:
        tokens = await sign_in(ada.client, ada.user["email"], scope="todos:read")
        answer = await introspect(ada.client, tokens["access_token"])
    assert answer == {
        "active": True,
        "token_type": "Bearer",
        "scope": "todos:read",
        "sub": str(ada.id),
        "exp": int(clock.now.timestamp()) + 900,
        "iss": "tickbox",
        "aud": "tickbox",
        "jti": answer["jti"],
    }


async def test_says_what_a_refresh_token_is_good_for(ada: Person) -> None:
    tokens = await sign_in(ada.client, ada.user["email"], scope="todos:read")
    answer = await introspect(ada.client, tokens["refresh_token"])
    started = datetime.fromisoformat(
        (await ada.get("/v1/sessions")).json()["items"][0]["created_at"]
    )
    assert answer == {
        "active": True,
        "scope": "todos:read",
        "sub": str(ada.id),
        "exp": int(started.timestamp()) + 30 * 86400,
        "iss": "tickbox",
    }


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "else"])
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_finds_it_whatever_the_hint(ada: Person, kind: str, hint: str) -> None:
    answer = await introspect(ada.client, ada.tokens[kind], token_type_hint=hint)
    assert answer["active"] is True


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
class TestInactive:
    async def test_is_what_somebody_else_has(self, ada: Person, bob: Person, kind: str) -> None:
        assert await introspect(ada.client, bob.tokens[kind]) == INACTIVE

    async def test_is_what_has_ended(self, client: AsyncClient, ada: Person, kind: str) -> None:
        tokens = await sign_in(client, ada.user["email"])
        await revoke(client, tokens["refresh_token"])
        assert await introspect(ada.client, tokens[kind]) == INACTIVE

    async def test_is_what_has_expired(self, settings: Settings, kind: str) -> None:
        clock = Clock()
        async with running(settings, now=clock) as app, sign_up(app) as ada:
            clock.advance(days=31)
            tokens = await sign_in(ada.client, ada.user["email"])
            async with client_of(app, tokens["access_token"]) as client:
                assert await introspect(client, ada.tokens[kind]) == INACTIVE
                assert await introspect(client, tokens[kind]) != INACTIVE


async def test_refresh_token_that_was_used_is_inactive_and_not_used_up_by_asking(
    client: AsyncClient, ada: Person
) -> None:
    await introspect(ada.client, ada.tokens["refresh_token"])
    tokens = await renewed(client, ada.tokens)
    assert await introspect(ada.client, ada.tokens["refresh_token"]) == INACTIVE
    assert (await introspect(ada.client, tokens["refresh_token"]))["active"] is True


@pytest.mark.parametrize("token", ["x", "tbr_x", "a.b.c", "x" * 4096, "nul\0nul", "é"])
async def test_whatever_else_is_inactive(ada: Person, token: str) -> None:
    assert await introspect(ada.client, token) == INACTIVE


async def test_takes_any_token_and_wants_one(app: FastAPI, ada: Person) -> None:
    tokens = await sign_in(ada.client, ada.user["email"], scope="todos:read")
    async with client_of(app, tokens["access_token"]) as client:
        assert (await introspect(client, tokens["access_token"]))["scope"] == "todos:read"
    async with client_of(app) as client:
        response = await client.post(URL, data={"token": tokens["access_token"]})
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")


async def test_is_asked_anew_under_the_same_idempotency_key(
    client: AsyncClient, ada: Person
) -> None:
    """The answer is for now: one that was kept would call a token good that is not."""
    headers = {"Idempotency-Key": str(uuid4())}
    tokens = await sign_in(client, ada.user["email"])
    form = {"token": tokens["refresh_token"]}
    before = await ada.client.post(URL, data=form, headers=headers)
    await revoke(client, tokens["refresh_token"])
    after = await ada.client.post(URL, data=form, headers=headers)
    assert before.json()["active"] is True
    assert after.json() == INACTIVE
