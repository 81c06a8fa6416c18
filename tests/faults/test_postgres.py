"""PostgreSQL dies under load and comes back: 503 meanwhile, and what was answered is kept."""

import asyncio
import time

import asyncpg
import pytest

from tests import servers
from tests.faults.conftest import Report, Serve
from tests.faults.load import load, quantiles
from tests.faults.people import lost_writes, several
from tests.faults.processes import Stores

PER_SECOND = 200
PEOPLE = 8
CONNECTIONS = 40
NORMAL_WITHIN = 5.0
HANGS = 5.0


async def accepts(url: str) -> asyncpg.Connection:
    """A connection, as soon as there can be one."""
    while True:
        try:
            return await servers.connect(url)
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("killed", ["postmaster", "all", "backend"])
async def test_killed_under_load(serve: Serve, report: Report, stores: Stores, killed: str) -> None:
    tickbox = serve()
    people = await several(tickbox.address, PEOPLE)
    clients = [people[number % PEOPLE].connect() for number in range(CONNECTIONS)]

    async with load([client.in_turn for client in clients], PER_SECOND) as traffic:
        await traffic.grows_by(2 * PER_SECOND)
        assert {answer.status for answer in traffic.answers} <= {200, 201}
        begin = time.perf_counter()
        if killed == "backend":
            # PostgreSQL ends all of them then, and recovers by itself.
            stores.postgres.serving_process().kill()
            # It takes connections until it has noticed, and ends them again.
            while all(answer.status != 503 for answer in traffic.answers):
                await traffic.grows_by(1)
        else:
            await asyncio.to_thread(stores.postgres.kill, children_too=killed == "all")
            await traffic.grows_by(2 * PER_SECOND)
            await asyncio.to_thread(stores.postgres.start)
        await (await accepts(stores.database_url)).close()
        accepted = time.perf_counter()
        await traffic.is_normal(2 * PER_SECOND)

    refused = [o.answer for o in traffic.outcomes if o.answer and o.answer.status == 503]
    last = max((o.sent_at for o in traffic.outcomes if o.answer in refused), default=accepted)
    kept = sum(len(person.created) + len(person.patched) for person in people)
    database = await accepts(stores.database_url)
    lost = await lost_writes(people, database)
    await database.close()
    report(
        f"{len(traffic.answers)} answers, {len(refused)} of them 503; away for "
        f"{accepted - begin:.2f} s, the last 503 {max(0, last - accepted):.2f} s after; "
        f"{kept} todos answered as kept, {len(lost)} lost"
    )
    report(f"503s {quantiles([answer.seconds for answer in refused])}")
    report(f"all {quantiles(traffic.seconds())}")
    assert traffic.failures == []
    strange = [a for a in traffic.answers if a.status not in (200, 201) and not a.is_unavailable]
    assert strange == []
    assert refused != []
    assert max(traffic.seconds()) < HANGS
    assert last - accepted < NORMAL_WITHIN
    assert kept > PER_SECOND
    assert lost == []
