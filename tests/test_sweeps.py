"""What is kept for a while only is deleted soon, then each hour, and by `tickbox purge`."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app import sweeps
from app.core.clock import Now, utc_now
from app.core.settings import Settings
from app.database.statement import Statement
from app.database.unit_of_work import Database
from tests.apps import running
from tests.commands import environment, run
from tests.observability.logged import logged
from tests.people import PASSWORD, Person, invite, sign_up


async def test_goes_on_after_a_failure(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    times = 0
    twice = asyncio.Event()

    async def fail(_base: Database, _settings: Settings, _now: Now) -> int:
        raise ValueError("geheim-4711")

    async def count(_base: Database, _settings: Settings, _now: Now) -> int:
        nonlocal times
        times += 1
        if times == 2:
            twice.set()
            await asyncio.Event().wait()
        return 0

    monkeypatch.setattr(sweeps, "SWEEPS", {"marbles": fail, "pebbles": count})
    monkeypatch.setattr(sweeps, "FIRST_PAUSE", (0, 0))
    monkeypatch.setattr(sweeps, "HOUR", 0)
    database = Database(settings)
    with logged() as log:
        hourly = asyncio.create_task(sweeps.sweep_hourly(database, settings, utc_now))
        await asyncio.wait_for(twice.wait(), 10)
        hourly.cancel()
        failures = ["marbles cannot be swept: ValueError"] * 2
        assert [entry["event"] for entry in log.entries] == failures
        assert "geheim" not in log.text
        with pytest.raises(ValueError, match="geheim-4711"):
            await sweeps.sweep(database, settings, utc_now)
        assert times == 3
    await database.close()


async def test_the_service_sweeps(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    swept = asyncio.Event()

    async def sweep(base: Database, given: Settings, _now: Now) -> int:
        assert (await base.primary.fetch_all(Statement(text("SELECT 1"))))[0][0] == 1
        assert given == settings
        swept.set()
        return 0

    monkeypatch.setattr(sweeps, "FIRST_PAUSE", (0, 0))
    monkeypatch.setattr(sweeps, "SWEEPS", {"pebbles": sweep})
    async with running(settings), asyncio.timeout(10):
        await swept.wait()


async def test_purge_says_how_much_of_each(
    settings: Settings, app: FastAPI, database: asyncpg.Connection, ada: Person
) -> None:
    headers = {"Idempotency-Key": "one"}
    assert (await ada.client.post("/v1/todos", json={"title": "x"}, headers=headers)).is_success
    await database.execute(
        "UPDATE idempotency_keys SET created_at = now() - interval '25 hours' WHERE user_id = $1",
        ada.id,
    )
    # Of long ago; the time in the ids too.
    await database.execute(
        "INSERT INTO sessions (id, user_id, scope, created_at, last_used_at) "
        "VALUES ('01900000-0000-7000-8000-000000000000', $1, '', $2, $2)",
        ada.id,
        utc_now().replace(year=2025),
    )
    await database.execute(
        "INSERT INTO refresh_tokens (id, session_id, token_hash, created_at, expires_at) "
        "SELECT '01900000-0000-7000-8000-000000000001', id, '', $1, $1 FROM sessions "
        "WHERE id = '01900000-0000-7000-8000-000000000000'",
        utc_now().replace(year=2025),
    )

    async with sign_up(app) as carol:
        await carol.make_label()
        await carol.client.request("DELETE", "/v1/users/me", json={"password": PASSWORD})
    ended = "UPDATE users SET deleted_at = now() - interval '1 hour' WHERE id = $1"
    await database.execute(ended, carol.id)
    await database.execute(
        "INSERT INTO projects (id, depth, created_by, name, is_inbox, archived, position, version, "
        "created_at, updated_at, deleted_at) "
        "VALUES (gen_random_uuid(), 1, $1, 'x', false, false, 'x', 1, $2, $2, $2)",
        ada.id,
        utc_now().replace(year=2025),
    )
    # Too long in the trash, since an older version deleted it.
    trashed = await ada.make_todo()
    await ada.client.delete(f"/v1/todos/{trashed['id']}")
    await database.execute(
        "UPDATE todos SET deleted_at = now() - interval '31 days', deletion_id = NULL "
        "WHERE id = $1",
        UUID(trashed["id"]),
    )
    made = await invite(ada, await ada.make_project(), "grace@example.com")
    await database.execute(
        "UPDATE invitations SET expires_at = now() - interval '31 days' WHERE id = $1",
        UUID(made["id"]),
    )
    zoned = {"datetime": "2026-12-01T09:00:00", "timezone": "Europe/Vienna"}
    todo = await ada.make_todo(due=zoned)
    await database.execute("UPDATE todos SET due_rules = 0 WHERE id = $1", UUID(todo["id"]))

    done = await asyncio.to_thread(run, "purge", env=environment(settings))

    assert (done.code, done.errors) == (0, "")
    counts = dict(line.split(": ") for line in done.output.splitlines())
    assert list(counts) == [
        "Idempotency keys",
        "Refresh tokens",
        "Sessions",
        "Remains of accounts",
        "Projects of deleted accounts",
        "Invitations",
        "Labels of deleted accounts",
        "Deletions of older versions",
        "The trash",
        "Dues by other zone rules",
    ]
    assert all(int(count) >= 1 for count in counts.values())
