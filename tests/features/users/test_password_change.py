"""`POST /v1/users/me/password`: the present password, another one, and what ends by it."""

import asyncio
import hashlib
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient, Response

from app.core.settings import Settings
from app.features.sessions.revocations import EndedSessions
from tests.apps import client_of, running
from tests.features.auth.tokens import assert_refused, is_alive, refresh, renewed
from tests.locks import somebody_waits
from tests.people import PASSWORD, Person, sign_in

URL = "/v1/users/me/password"
NEW = "eight ravens count the coins"


async def change(
    person: Person, current: str = PASSWORD, new: str = NEW, **headers: str
) -> Response:
    return await person.client.post(URL, json={"current": current, "new": new}, headers=headers)


async def grant(client: AsyncClient, person: Person, password: str) -> Response:
    form = {"grant_type": "password", "username": person.user["email"], "password": password}
    return await client.post("/v1/oauth/token", data=form)


async def test_changes_what_signs_in(client: AsyncClient, ada: Person) -> None:
    response = await change(ada)

    assert (response.status_code, response.content) == (204, b"")
    assert_refused(await grant(client, ada, PASSWORD))
    assert (await grant(client, ada, NEW)).status_code == 200
    # It is no part of the representation.
    assert (await ada.get("/v1/users/me")).json() == ada.user


async def test_takes_it_however_its_letters_are_composed(client: AsyncClient, ada: Person) -> None:
    composed, decomposed = "Zoë läßt den Gärten Zeit", "Zoe\u0308 la\u0308ßt den Ga\u0308rten Zeit"
    assert (await change(ada, new=decomposed)).status_code == 204
    assert (await grant(client, ada, composed)).status_code == 200
    assert (await change(ada, current=composed, new=NEW)).status_code == 204


async def test_ends_all_other_sessions_in_all_processes(
    settings: Settings, app: FastAPI, client: AsyncClient, ada: Person, bob: Person
) -> None:
    others = [await sign_in(client, ada.user["email"]) for _ in range(2)]
    async with running(settings) as elsewhere:
        assert await is_alive(elsewhere, others[0])
        await change(ada)
        assert [await is_alive(app, tokens) for tokens in others] == [False, False]
        # What its own watch does twice a second.
        await elsewhere.state.resource(EndedSessions).refresh()
        assert [await is_alive(elsewhere, tokens) for tokens in others] == [False, False]
        assert await is_alive(elsewhere, ada.tokens)
    for tokens in others:
        assert_refused(await refresh(client, tokens))
    assert await is_alive(app, await renewed(client, ada.tokens))
    assert await is_alive(app, bob.tokens)


@pytest.mark.parametrize(
    ("current", "new", "pointer", "code"),
    [
        ("wrong horse battery staple", NEW, "/current", "password_incorrect"),
        ("", NEW, "/current", "password_incorrect"),
        ("nul\0nul", NEW, "/current", "password_incorrect"),
        (PASSWORD, "short", "/new", "password_too_short"),
        (PASSWORD, "passwordpassword", "/new", "password_too_common"),
        (PASSWORD, "LetMeIn LetMeIn LetMeIn", "/new", "password_too_common"),
        (PASSWORD, "{email}", "/new", "password_too_common"),
        (PASSWORD, "ada ada ada ada ada", "/new", "password_too_common"),
        (PASSWORD, NEW + "\n", "/new", "password_invalid_characters"),
        (PASSWORD, "x" * 4097, "/new", "too_long"),
    ],
)
async def test_refuses(
    app: FastAPI,
    client: AsyncClient,
    ada: Person,
    current: str,
    new: str,
    pointer: str,
    code: str,
) -> None:
    tokens = await sign_in(client, ada.user["email"])
    response = await change(ada, current, new.format(email=ada.user["email"]))

    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)
    assert await is_alive(app, tokens)
    assert (await grant(client, ada, PASSWORD)).status_code == 200


async def test_counts_what_is_wrong_as_a_sign_in_that_failed(
    settings: Settings, ada: Person
) -> None:
    failures: dict[str, Any] = {"limit_sign_in_failures_per_minute": 3}
    async with (
        running(settings, **failures) as app,
        client_of(app, ada.tokens["access_token"]) as signed_in,
        client_of(app) as client,
    ):
        person = Person(app, signed_in, ada.user, ada.tokens)
        good = [await change(person, *pair) for pair in [(PASSWORD, NEW), (NEW, PASSWORD)] * 2]
        bad = [await change(person, "wrong") for _ in range(3)]
        late = [await change(person), await grant(client, ada, PASSWORD)]
        deletion = await signed_in.request("DELETE", "/v1/users/me", json={"password": PASSWORD})

    assert [answer.status_code for answer in good] == [204] * 4
    assert [answer.status_code for answer in bad] == [422] * 3
    assert [answer.status_code for answer in [*late, deletion]] == [429] * 3
    assert late[0].headers["retry-after"].isdecimal()


async def test_at_once_is_done_once(ada: Person, client: AsyncClient) -> None:
    passwords = [f"{NEW} {number}" for number in range(4)]
    answers = await asyncio.gather(*(change(ada, new=new) for new in passwords))
    assert sorted(answer.status_code for answer in answers) == [204, 422, 422, 422]
    valid = [(await grant(client, ada, new)).status_code == 200 for new in passwords]
    assert valid == [answer.status_code == 204 for answer in answers]


async def test_a_sign_in_with_the_old_one_meanwhile_leaves_no_session(
    client: AsyncClient, ada: Person, database: asyncpg.Connection
) -> None:
    """It was checked before the change, and would begin after it."""
    async with database.transaction():
        await database.execute("UPDATE users SET password_hash = 'x' WHERE id = $1", ada.id)
        signing_in = asyncio.create_task(grant(client, ada, PASSWORD))
        await somebody_waits(database)
    assert_refused(await signing_in)
    assert len((await ada.get("/v1/sessions")).json()["items"]) == 1


class TestIdempotencyKey:
    async def test_answers_again_although_the_password_is_another_one_now(
        self, client: AsyncClient, ada: Person
    ) -> None:
        key = {"Idempotency-Key": str(uuid4())}
        answers = [await change(ada, **key) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [204] * 3
        assert ["idempotency-replayed" in answer.headers for answer in answers] == [
            False,
            True,
            True,
        ]
        assert (await grant(client, ada, NEW)).status_code == 200

    async def test_is_kept_without_a_trace_of_the_passwords(
        self, ada: Person, database: asyncpg.Connection
    ) -> None:
        body = f'{{"current": "{PASSWORD}", "new": "{NEW}"}}'.encode()
        key = str(uuid4())
        headers = {"Idempotency-Key": key, "Content-Type": "application/json"}
        response = await ada.client.post(URL, content=body, headers=headers)
        assert response.status_code == 204

        [row] = await database.fetch("SELECT * FROM idempotency_keys WHERE key = $1", key)
        assert row["body"] == b""
        # Whoever reads the table cannot check guesses by it, as they could by a plain hash.
        parts = (b"POST", URL.encode(), b"", b"", b"application/json", body)
        digest = hashlib.blake2b(digest_size=32)
        for part in parts:
            digest.update(len(part).to_bytes(8, "big") + part)
        assert row["fingerprint"] not in (digest.digest(), digest.digest()[:16])
        for secret in (PASSWORD, NEW):
            assert secret not in str(dict(row))
