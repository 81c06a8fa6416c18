"""Sessions and refresh tokens go when they are of no use, and not before."""

import os
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from pydantic import SecretStr

from app.core.clock import Now, utc_now
from app.core.settings import Settings
from app.database.unit_of_work import Database
from app.features.sessions.sweep import sweep_sessions, sweep_tokens
from tests import servers
from tests.apps import running
from tests.people import Person, sign_in, sign_up

DAY = timedelta(days=1)


# What is swept as if a month had passed is nobody else's.
@pytest.fixture
def own(settings: Settings, worker_id: str) -> Iterator[Settings]:
    assert settings.database_url is not None
    with servers.cloned_database(f"tickbox_test_sweep_{worker_id}_{os.getpid()}") as name:
        url = servers.sibling(settings.database_url.get_secret_value(), name)
        yield settings.model_copy(update={"database_url": SecretStr(url)})


@pytest.fixture
async def base(own: Settings) -> AsyncIterator[Database]:
    database = Database(own)
    yield database
    await database.close()


@pytest.fixture
async def database(own: Settings) -> AsyncIterator[asyncpg.Connection]:
    assert own.database_url is not None
    connection = await servers.connect(own.database_url.get_secret_value())
    yield connection
    await connection.close()


@pytest.fixture
async def ada(own: Settings) -> AsyncIterator[Person]:
    async with running(own) as app, sign_up(app) as person:
        yield person


def in_days(days: float) -> Now:
    return lambda: utc_now() + days * DAY


async def tokens_of(database: asyncpg.Connection, person: Person) -> int:
    count: int = await database.fetchval(
        "SELECT count(*) FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id "
        "WHERE s.user_id = $1",
        person.id,
    )
    return count


async def sessions_of(database: asyncpg.Connection, person: Person) -> set[UUID]:
    rows = await database.fetch("SELECT id FROM sessions WHERE user_id = $1", person.id)
    return {row["id"] for row in rows}


async def refresh(person: Person, token: str) -> int:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return (await person.client.post("/v1/oauth/token", data=form)).status_code


async def test_what_is_good_stays(
    base: Database, settings: Settings, database: asyncpg.Connection, ada: Person
) -> None:
    for days in (0, 29.9):
        await sweep_tokens(base, settings, in_days(days))
        await sweep_sessions(base, settings, in_days(days))

    assert await tokens_of(database, ada) == 1
    assert await refresh(ada, ada.tokens["refresh_token"]) == 200


async def test_a_spent_token_stays_as_long_as_a_second_use_tells(
    base: Database, settings: Settings, database: asyncpg.Connection, ada: Person
) -> None:
    spent = ada.tokens["refresh_token"]
    assert await refresh(ada, spent) == 200

    await sweep_tokens(base, settings, in_days(29.9))
    assert await tokens_of(database, ada) == 2
    assert await refresh(ada, spent) == 400
    [ended_at] = await database.fetch("SELECT ended_at FROM sessions WHERE user_id = $1", ada.id)
    assert ended_at["ended_at"] is not None


async def test_expired_tokens_go_and_then_their_sessions(
    base: Database, settings: Settings, database: asyncpg.Connection, ada: Person
) -> None:
    for _ in range(2):
        await sign_in(ada.client, ada.user["email"])
    later = in_days(30.1)

    # Its tokens come first, whoever asks first.
    await sweep_sessions(base, settings, later)
    assert len(await sessions_of(database, ada)) == 3
    assert await sweep_tokens(base, settings, later, batch=2) >= 3
    assert await tokens_of(database, ada) == 0
    assert await sweep_sessions(base, settings, later, batch=2) >= 3
    assert await sessions_of(database, ada) == set()
    assert await sweep_tokens(base, settings, later) == 0


async def test_where_an_account_was_is_known_for_30_days(
    base: Database, settings: Settings, database: asyncpg.Connection, ada: Person
) -> None:
    """Although its tokens live for a day, and the session has ended."""
    short = settings.model_copy(update={"refresh_token_seconds": 86400})
    await database.execute(
        "UPDATE refresh_tokens SET expires_at = created_at + interval '1 day' WHERE session_id IN "
        "(SELECT id FROM sessions WHERE user_id = $1)",
        ada.id,
    )
    await database.execute("UPDATE sessions SET ended_at = now() WHERE user_id = $1", ada.id)

    await sweep_tokens(base, short, in_days(2))
    await sweep_sessions(base, short, in_days(2))
    assert await tokens_of(database, ada) == 0
    assert len(await sessions_of(database, ada)) == 1

    await sweep_sessions(base, short, in_days(30.1))
    assert await sessions_of(database, ada) == set()


async def test_one_that_is_used_on_and_on_stays_however_old(
    base: Database, settings: Settings, database: asyncpg.Connection, ada: Person
) -> None:
    [session] = await sessions_of(database, ada)
    later = in_days(100)
    token = "UPDATE refresh_tokens SET expires_at = $2 WHERE session_id = $1"
    await database.execute(token, session, later() + DAY)
    await database.execute(
        "UPDATE sessions SET last_used_at = $2 WHERE id = $1", session, later() - DAY
    )

    await sweep_tokens(base, settings, later)
    await sweep_sessions(base, settings, later)

    assert await sessions_of(database, ada) == {session}
    assert await refresh(ada, ada.tokens["refresh_token"]) == 200
