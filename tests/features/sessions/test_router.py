"""`/v1/sessions`: what is signed in, and its end."""

import asyncio
from datetime import datetime
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI
from httpx import AsyncClient

from app.core.settings import Settings
from app.features.sessions.revocations import EndedSessions
from tests.apps import Clock, client_of, running
from tests.features.auth.tokens import assert_refused, is_alive, refresh, renewed
from tests.people import Json, Person, sign_in, sign_up

URL = "/v1/sessions"


async def listed(person: Person) -> list[Json]:
    response = await person.get(URL)
    assert response.status_code == 200, response.text
    items: list[Json] = response.json()["items"]
    return items


class TestList:
    async def test_shows_what_is_signed_in_the_newest_first(
        self, client: AsyncClient, ada: Person, bob: Person
    ) -> None:
        await sign_in(client, ada.user["email"], scope="todos:read todos:write")
        newest, first = await listed(ada)

        assert (newest["scope"], newest["is_current"]) == ("todos:read todos:write", False)
        assert (first["scope"], first["is_current"]) == (ada.tokens["scope"], True)
        assert newest["created_at"] == newest["last_used_at"] >= first["created_at"]
        assert newest["network"] == first["network"] == "127.0.0.1"
        assert newest["id"] not in [session["id"] for session in await listed(bob)]

    async def test_shows_no_token(self, ada: Person) -> None:
        text = (await ada.get(URL)).text
        assert ada.tokens["refresh_token"] not in text
        assert ada.tokens["access_token"] not in text

    async def test_says_when_and_where_it_was_used_last(self, settings: Settings) -> None:
        clock = Clock()
        async with running(settings, now=clock) as app, sign_up(app) as ada:
            [before] = await listed(ada)
            clock.advance(minutes=10)
            await renewed(ada.client, ada.tokens)
            [after] = await listed(ada)

        used_at = datetime.fromisoformat(after["last_used_at"])
        assert (used_at - datetime.fromisoformat(before["last_used_at"])).total_seconds() == 600
        assert after == before | {"last_used_at": after["last_used_at"]}

    async def test_leaves_out_what_has_expired(self, settings: Settings) -> None:
        clock = Clock()
        async with running(settings, now=clock) as app, sign_up(app) as ada:
            clock.advance(days=31)
            tokens = await sign_in(ada.client, ada.user["email"])
            async with client_of(app, tokens["access_token"]) as client:
                page = (await client.get(URL)).json()
        assert [session["is_current"] for session in page["items"]] == [True]

    async def test_is_paged_like_every_list(self, client: AsyncClient, ada: Person) -> None:
        for _ in range(4):
            await sign_in(client, ada.user["email"])
        whole = await listed(ada)
        assert len({session["id"] for session in whole}) == 5
        assert await ada.walk(URL, limit=2) == whole

        page = (await ada.get(f"{URL}?limit=2&include_total=true")).json()
        assert (len(page["items"]), page["total"]) == (2, 5)
        last = await ada.get(URL, params={"limit": 1, "cursor": page["next_cursor"]})
        assert last.json()["items"] == [whole[2]]

    async def test_takes_no_cursor_of_somebody_else(self, ada: Person, bob: Person) -> None:
        await ada.make_session()
        cursor = (await ada.get(f"{URL}?limit=1")).json()["next_cursor"]
        response = await bob.get(URL, params={"cursor": cursor})
        assert (response.status_code, response.json()["code"]) == (422, "cursor_invalid")


class TestEnd:
    async def test_of_one_is_the_end_of_its_tokens_and_of_no_others(
        self, app: FastAPI, client: AsyncClient, ada: Person
    ) -> None:
        tokens = await sign_in(client, ada.user["email"])
        [other, own] = await listed(ada)
        response = await ada.client.delete(f"{URL}/{other['id']}")

        assert (response.status_code, response.content) == (204, b"")
        assert await listed(ada) == [own]
        assert not await is_alive(app, tokens)
        assert_refused(await refresh(client, tokens))
        assert (await ada.client.delete(f"{URL}/{other['id']}")).status_code == 404

    async def test_may_be_that_of_the_one_that_asks(self, app: FastAPI, ada: Person) -> None:
        [own] = await listed(ada)
        assert (await ada.client.delete(f"{URL}/{own['id']}")).status_code == 204
        assert not await is_alive(app, ada.tokens)

    async def test_of_somebody_elses_is_404_as_if_there_were_none(
        self, app: FastAPI, ada: Person, bob: Person
    ) -> None:
        [session] = await listed(bob)
        answers = [
            await ada.client.delete(f"{URL}/{id_}")
            for id_ in (session["id"], "01936b7e-8f00-7000-8000-000000000000")
        ]
        assert [answer.json()["code"] for answer in answers] == ["not_found"] * 2
        assert await is_alive(app, bob.tokens)

    async def test_of_all_others_leaves_the_one_that_asks(
        self, app: FastAPI, client: AsyncClient, ada: Person, bob: Person
    ) -> None:
        others = [await sign_in(client, ada.user["email"]) for _ in range(3)]
        for _ in range(2):
            assert (await ada.client.delete(URL)).status_code == 204

        assert [session["is_current"] for session in await listed(ada)] == [True]
        assert [await is_alive(app, tokens) for tokens in others] == [False] * 3
        assert await is_alive(app, ada.tokens)
        assert await is_alive(app, bob.tokens)

    async def test_does_not_wait_for_a_refresh_that_is_under_way(
        self, client: AsyncClient, ada: Person, database: asyncpg.Connection
    ) -> None:
        """As the foreign key of its new token does, which is being made by somebody else."""
        await sign_in(client, ada.user["email"])
        async with database.transaction(), asyncio.timeout(5):
            await database.execute("SELECT FROM sessions WHERE user_id = $1 FOR KEY SHARE", ada.id)
            assert (await ada.client.delete(URL)).status_code == 204
        assert len(await listed(ada)) == 1

    @pytest.mark.parametrize("path", ["", "/{id}"])
    async def test_is_known_in_other_processes_within_a_second(
        self, settings: Settings, app: FastAPI, ada: Person, path: str
    ) -> None:
        tokens = await sign_in(ada.client, ada.user["email"])
        session: dict[str, Any] = (await listed(ada))[0]
        async with running(settings) as other:
            assert await is_alive(other, tokens)
            await ada.client.delete(URL + path.format(**session))
            # What its own watch does twice a second.
            await other.state.resource(EndedSessions).refresh()
            assert not await is_alive(other, tokens)
            assert await is_alive(other, ada.tokens)
