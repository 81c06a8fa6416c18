"""What is kept for a while only is deleted each hour, and by `tickbox purge`."""

import asyncio

import asyncpg
import pytest

from app import sweeps
from app.core.clock import Now, utc_now
from app.core.config import Settings
from app.core.database import Database
from tests.commands import environment, run
from tests.core.logged import logged
from tests.people import Person


async def test_hourly_goes_on_after_a_failure(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    swept = asyncio.Event()
    times = 0

    async def fail(_base: Database, _settings: Settings, _now: Now) -> int:
        raise ValueError("geheim-4711")

    async def count(_base: Database, _settings: Settings, _now: Now) -> int:
        nonlocal times
        times += 1
        if times == 2:
            swept.set()
        return 0

    monkeypatch.setattr(sweeps, "_HOUR", 0)
    monkeypatch.setattr(sweeps, "SWEEPS", {"marbles": fail, "pebbles": count})
    database = Database(settings)
    with logged() as log:
        task = asyncio.create_task(sweeps.sweep_hourly(database, settings, utc_now))
        async with asyncio.timeout(10):
            await swept.wait()
        task.cancel()
        assert log.entries[0]["event"] == "marbles cannot be swept: ValueError"
        assert "geheim" not in log.text
    await database.close()


async def test_purge_says_how_much_of_each(
    settings: Settings, database: asyncpg.Connection, ada: Person
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

    done = await asyncio.to_thread(run, "purge", env=environment(settings))

    assert (done.code, done.errors) == (0, "")
    counts = dict(line.split(" deleted: ") for line in done.output.splitlines())
    assert list(counts) == ["Idempotency keys", "Refresh tokens", "Sessions"]
    assert all(int(count) >= 1 for count in counts.values())
