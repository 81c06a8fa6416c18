"""`kill -9` of a worker under load: the others serve on, and another one takes its place."""

import asyncio

import asyncpg

from tests.faults.conftest import Report, Serve
from tests.faults.load import load, quantiles
from tests.faults.people import lost_writes, several

CLIENTS = 24
RATE = 100


async def test_nothing_is_lost_with_a_worker(
    serve: Serve, report: Report, database: asyncpg.Connection
) -> None:
    tickbox = serve(workers="2")
    people = await several(tickbox.address, 4, todos=20)
    clients = [people[number % len(people)].connect() for number in range(CLIENTS)]
    async with load([client.in_turn for client in clients], RATE) as traffic:
        await traffic.grows_by(100)
        killed, survivor = tickbox.serving()
        killed.kill()
        await traffic.grows_by(3 * RATE)
        await traffic.is_normal(2 * CLIENTS)
        [successor] = {*tickbox.serving()} - {killed, survivor}
    report(
        f"{len(traffic.failures)} requests ended with their connection; the others: "
        f"{quantiles(traffic.seconds())}"
    )
    # Only those that were with it: none twice, since each client has one at a time.
    assert 0 < len(traffic.failures) < CLIENTS, traffic.failures
    assert successor.is_running()
    assert max(traffic.seconds()) < 2
    assert {answer.status for answer in traffic.answers} <= {200, 201}
    assert await lost_writes(people, database) == []

    tickbox.terminate()
    assert await asyncio.to_thread(tickbox.process.wait, 20) == 0
