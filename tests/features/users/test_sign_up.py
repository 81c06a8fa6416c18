"""`POST /v1/users`: an account, with its Inbox, or nothing at all."""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest
from httpx import AsyncClient

from app.core.settings import Settings
from tests import servers
from tests.apps import client_of, running
from tests.people import PASSWORD, sign_in


def address(name: str = "ada") -> str:
    """One that nobody else has."""
    return f"{name}-{uuid4().hex}@example.com"


async def sign_up(client: AsyncClient, **fields: Any) -> Any:
    return await client.post("/v1/users", json={"email": address(), "password": PASSWORD, **fields})


async def test_answers_the_whole_account(client: AsyncClient) -> None:
    email = address()
    response = await sign_up(
        client,
        email=email,
        display_name="  Ada Lovelace ",
        timezone="Europe/London",
        locale="en-GB",
        week_start="sunday",
    )

    user = response.json()
    assert response.status_code == 201
    assert response.headers["content-type"] == "application/json"
    assert response.headers["etag"] == '"1"'
    assert UUID(user["id"]).version == 7
    assert user == {
        "id": user["id"],
        "version": 1,
        "email": email,
        "email_verified_at": None,
        "display_name": "Ada Lovelace",
        "timezone": "Europe/London",
        "locale": "en-GB",
        "week_start": "sunday",
        "created_at": user["created_at"],
        "updated_at": user["created_at"],
    }


async def test_needs_no_more_than_an_address_and_a_password(client: AsyncClient) -> None:
    user = (await sign_up(client)).json()

    assert (user["display_name"], user["timezone"]) == (None, "UTC")
    assert (user["locale"], user["week_start"]) == ("en", "monday")


async def test_says_where_the_account_is(client: AsyncClient) -> None:
    email = address()
    made = await sign_up(client, email=email)
    token = (await sign_in(client, email))["access_token"]
    found = await client.get(made.headers["location"], headers={"Authorization": f"Bearer {token}"})

    assert found.status_code == 200
    assert found.content == made.content
    assert found.headers["etag"] == made.headers["etag"]


async def test_makes_the_inbox_and_its_owner(
    client: AsyncClient, database: asyncpg.Connection
) -> None:
    user = (await sign_up(client)).json()

    [inbox] = await database.fetch(
        "SELECT * FROM projects JOIN project_members ON project_id = projects.id "
        "WHERE created_by = $1",
        UUID(user["id"]),
    )
    assert (inbox["name"], inbox["is_inbox"], inbox["archived"]) == ("Inbox", True, False)
    assert (inbox["user_id"], inbox["role"]) == (UUID(user["id"]), "owner")
    [change] = await database.fetch(
        "SELECT event, project_id FROM changes WHERE actor_id = $1", UUID(user["id"])
    )
    assert tuple(change) == ("project.created", inbox["project_id"])


async def test_keeps_no_password(client: AsyncClient, database: asyncpg.Connection) -> None:
    user = (await sign_up(client)).json()

    row = await database.fetchrow("SELECT * FROM users WHERE id = $1", UUID(user["id"]))
    assert row is not None
    assert row["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert PASSWORD not in str(dict(row))


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short-zyxwvut", "password_too_short"),
        ("zyxwvut " * 20, "password_too_long"),
        ("zyxwvut" * 600, "too_long"),
        ("passwordpassword", "password_too_common"),
        ("correct\0horse battery", "password_invalid_characters"),
        ("Ada Lovelace Ada Lovelace", "password_too_common"),
    ],
)
async def test_refuses_a_bad_password_and_never_repeats_it(
    client: AsyncClient, password: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    response = await sign_up(client, password=password, display_name="Ada Lovelace")

    assert response.status_code == 422
    assert response.headers["content-type"] == "application/problem+json"
    [error] = response.json()["errors"]
    assert (error["pointer"], error["code"], error["in"]) == ("/password", code, "body")
    assert password not in response.text
    assert password not in caplog.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "ada@"),
        ("email", f"{'a' * 255}@example.com"),
        ("email", None),
        ("password", None),
        ("password", ["correct horse battery staple"]),
        ("display_name", ""),
        ("display_name", "x" * 101),
        ("display_name", "nul\0nul"),
        ("timezone", "Mars/Olympus"),
        ("timezone", None),
        ("locale", "english please"),
        ("week_start", "someday"),
        ("id", "01900000-0000-7000-8000-000000000001"),
        ("version", 1),
        ("is_admin", True),
    ],
)
async def test_refuses_what_is_wrong_and_says_where(
    client: AsyncClient, field: str, value: object
) -> None:
    response = await sign_up(client, **{field: value})

    assert response.status_code == 422
    assert [error["pointer"] for error in response.json()["errors"]] == [f"/{field}"]
    assert PASSWORD not in response.text


async def test_asks_for_the_length_that_the_settings_say(settings: Settings) -> None:
    async with running(settings, password_min_length=20) as app, client_of(app) as client:
        short = await sign_up(client, password="staple battery horse"[:19])
        long = await sign_up(client, password="staple battery horse")

    assert short.json()["errors"][0]["message"] == "Use at least 20 characters."
    assert long.status_code == 201


class TestFailure:
    @pytest.fixture
    def scratch(self) -> Iterator[Settings]:
        with servers.cloned_database(f"tickbox_scratch_{uuid4().hex}") as name:
            yield servers.settings_for(name)

    async def test_leaves_nothing(self, scratch: Settings) -> None:
        assert scratch.database_url is not None
        email = address()
        database = await servers.connect(scratch.migration_url)
        await database.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN RAISE 'no inbox today'; END $$;"
            "CREATE TRIGGER refuse BEFORE INSERT ON projects EXECUTE FUNCTION refuse()"
        )
        async with running(scratch) as app, client_of(app) as client:
            refused = await sign_up(client, email=email)
            left = [
                await database.fetchval(f"SELECT count(*) FROM {table}")
                for table in ("users", "projects", "project_members", "changes")
            ]
            await database.execute("DROP FUNCTION refuse CASCADE")
            accepted = await sign_up(client, email=email)
        await database.close()

        assert refused.status_code == 500
        assert refused.json()["code"] == "internal_error"
        assert "inbox today" not in refused.text
        assert left == [0, 0, 0, 0]
        assert accepted.status_code == 201

    async def test_of_one_of_twins_leaves_one_account(
        self, client: AsyncClient, database: asyncpg.Connection
    ) -> None:
        email = address("twin")
        spellings = [email, email.upper(), email.replace("twin", "\uff34WIN"), email.title()] * 5
        responses = await asyncio.gather(
            *(sign_up(client, email=spelling) for spelling in spellings)
        )

        refused = [response for response in responses if response.status_code != 201]
        assert len(refused) == 19
        assert {response.status_code for response in refused} == {409}
        assert {response.json()["code"] for response in refused} == {"email_taken"}
        rows = await database.fetch(
            "SELECT users.id, projects.is_inbox FROM users "
            "JOIN projects ON created_by = users.id WHERE email_key = $1",
            email,
        )
        assert [row["is_inbox"] for row in rows] == [True]
