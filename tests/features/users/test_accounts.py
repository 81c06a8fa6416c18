"""`/v1/users/me`: read and change."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from fastapi import FastAPI

from tests.apps import client_of
from tests.locks import somebody_waits
from tests.people import Person, sign_in, sign_up

ME = "/v1/users/me"


@pytest.fixture(scope="module")
async def carol(app: FastAPI) -> AsyncIterator[Person]:
    """Somebody whom nothing here changes."""
    async with sign_up(app, "Carol") as person:
        yield person


async def patch(person: Person, fields: Any, version: int | None = None) -> Any:
    headers = {} if version is None else {"If-Match": f'"{version}"'}
    return await person.client.patch(ME, json=fields, headers=headers)


class TestRead:
    async def test_answers_the_account_as_sign_up_did(self, ada: Person, bob: Person) -> None:
        response = await ada.get(ME)

        assert response.status_code == 200
        assert response.json() == ada.user
        assert response.headers["etag"] == '"1"'
        assert (await bob.get(ME)).json() == bob.user

    async def test_answers_304_to_whoever_knows_it(self, ada: Person) -> None:
        known = await ada.get(ME, headers={"If-None-Match": '"1"'})
        assert (known.status_code, known.content) == (304, b"")
        assert known.headers["etag"] == '"1"'

        await patch(ada, {"display_name": "Countess"})
        assert (await ada.get(ME, headers={"If-None-Match": '"1"'})).status_code == 200
        assert (await ada.get(ME, headers={"If-None-Match": '"1", W/"2"'})).status_code == 304

    async def test_takes_any_token(self, app: FastAPI, ada: Person) -> None:
        tokens = await sign_in(ada.client, ada.user["email"], scope="todos:read")
        async with client_of(app, tokens["access_token"]) as client:
            assert (await client.get(ME)).json() == ada.user

    async def test_wants_a_token(self, app: FastAPI) -> None:
        async with client_of(app) as client:
            response = await client.get(ME)
        assert response.status_code == 401
        assert response.json()["code"] == "not_authenticated"
        assert response.headers["www-authenticate"] == "Bearer"


class TestUpdate:
    async def test_changes_what_was_sent_and_nothing_else(self, ada: Person) -> None:
        response = await patch(ada, {"display_name": " Countess ", "timezone": "Asia/Tokyo"})

        user = response.json()
        assert response.status_code == 200
        assert response.headers["etag"] == '"2"'
        assert user["updated_at"] >= ada.user["updated_at"]
        assert user == ada.user | {
            "version": 2,
            "display_name": "Countess",
            "timezone": "Asia/Tokyo",
            "updated_at": user["updated_at"],
        }
        assert (await ada.get(ME)).content == response.content

    async def test_null_clears(self, ada: Person) -> None:
        assert (await patch(ada, {"display_name": None})).json()["display_name"] is None

    @pytest.mark.parametrize("fields", [{}, {"display_name": "Carol", "locale": "en"}])
    async def test_that_changes_nothing_leaves_the_version(
        self, carol: Person, fields: dict[str, str]
    ) -> None:
        response = await patch(carol, fields)
        assert response.status_code == 200
        assert response.json() == carol.user

    @pytest.mark.parametrize(
        "fields",
        [
            {"timezone": None},
            {"timezone": ""},
            {"locale": None},
            {"locale": ""},
            {"week_start": None},
            {"display_name": " "},
            {"email": "ada@example.com"},
            {"password": "correct horse battery staple"},
            {"id": "01900000-0000-7000-8000-000000000001"},
            {"version": 2},
        ],
    )
    async def test_refuses_what_cannot_be(self, carol: Person, fields: dict[str, Any]) -> None:
        response = await patch(carol, fields)
        assert response.status_code == 422
        assert [error["pointer"] for error in response.json()["errors"]] == [
            f"/{field}" for field in fields
        ]
        assert (await carol.get(ME)).json() == carol.user

    async def test_of_another_version_is_refused_with_the_current_one(self, ada: Person) -> None:
        await patch(ada, {"display_name": "Countess"}, version=1)
        response = await patch(ada, {"display_name": "Duchess"}, version=1)

        assert response.status_code == 412
        assert response.json()["code"] == "version_conflict"
        assert response.headers["etag"] == '"2"'
        assert (await ada.get(ME)).json()["display_name"] == "Countess"

    async def test_of_one_version_at_once_is_done_once(self, ada: Person) -> None:
        names = [f"Ada {number}" for number in range(8)]
        responses = await asyncio.gather(
            *(patch(ada, {"display_name": name}, version=1) for name in names)
        )

        assert sorted(response.status_code for response in responses) == [200] + [412] * 7
        assert (await ada.get(ME)).json()["version"] == 2

    async def test_at_once_loses_none(self, ada: Person) -> None:
        fields = [{"display_name": "Countess"}, {"timezone": "Asia/Tokyo"}, {"locale": "fr"}]
        await asyncio.gather(*(patch(ada, field) for field in fields))

        user = (await ada.get(ME)).json()
        assert user["version"] == 4
        assert {name: user[name] for field in fields for name in field} == {
            name: value for field in fields for name, value in field.items()
        }

    async def test_touches_nobody_else(self, ada: Person, bob: Person) -> None:
        await patch(ada, {"display_name": "Countess"})
        assert (await bob.get(ME)).json() == bob.user

    async def test_needs_the_scope(self, app: FastAPI, ada: Person) -> None:
        tokens = await sign_in(ada.client, ada.user["email"], scope="todos:write")
        async with client_of(app, tokens["access_token"]) as client:
            response = await client.patch(ME, json={"display_name": "Countess"})

        assert response.status_code == 403
        assert response.json()["code"] == "insufficient_scope"
        assert 'scope="account:manage"' in response.headers["www-authenticate"]
        assert (await ada.get(ME)).json() == ada.user


async def test_a_patch_that_waited_for_another_is_not_lost(
    ada: Person, database: asyncpg.Connection
) -> None:
    async with database.transaction():
        await database.execute("UPDATE users SET locale = 'de', version = 2 WHERE id = $1", ada.id)
        patching = asyncio.create_task(ada.client.patch("/v1/users/me", json={"locale": "en"}))
        await somebody_waits(database)
    account = (await patching).json()

    assert (account["locale"], account["version"]) == ("en", 3)
