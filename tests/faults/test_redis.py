"""Redis dies, hangs or comes back empty under load: nobody notices, and nobody reads old lists."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.faults.conftest import Report, Serve
from tests.faults.load import load, percentile, quantiles
from tests.faults.people import several
from tests.faults.processes import Stores, Valkey

PER_SECOND = 120
PEOPLE = 6
PHASE = 3 * PER_SECOND
ALLOWED = 0.1


@asynccontextmanager
async def faulty(valkey: Valkey, fault: str) -> AsyncIterator[None]:
    """The fault lasts for the block, and is mended behind it."""
    if fault == "frozen":
        with valkey.frozen():
            yield
        return
    await asyncio.to_thread(valkey.kill)
    if fault == "restarted":
        await asyncio.to_thread(valkey.start)
        yield
    else:
        try:
            yield
        finally:
            await asyncio.to_thread(valkey.start)


@pytest.mark.parametrize("fault", ["killed", "frozen", "restarted"])
async def test_nobody_notices(serve: Serve, report: Report, stores: Stores, fault: str) -> None:
    tickbox = serve()
    people = await several(tickbox.address, PEOPLE, todos=20)
    # Each has one connection that writes and reads, and one that reads alone.
    actions = [person.connect().read_own_writes for person in people]
    actions += [person.connect().list_the_latest for person in people]

    async with load(actions, PER_SECOND) as traffic:
        await traffic.grows_by(PER_SECOND)
        marks = [time.perf_counter()]
        await traffic.grows_by(PHASE)
        marks.append(time.perf_counter())
        async with faulty(stores.valkey, fault):
            await traffic.grows_by(PHASE)
            marks.append(time.perf_counter())
        await traffic.grows_by(PHASE)
        marks.append(time.perf_counter())

    before, meanwhile, after = (traffic.seconds(marks[i], marks[i + 1]) for i in range(3))
    report(f"before {quantiles(before)}")
    report(f"{fault} {quantiles(meanwhile)}")
    report(f"after {quantiles(after)}")
    assert traffic.failures == []
    assert {answer.status for answer in traffic.answers} == {200, 201}
    allowed = percentile(before, 99) + ALLOWED
    assert percentile(meanwhile, 99) < allowed
    assert percentile(after, 99) < allowed
