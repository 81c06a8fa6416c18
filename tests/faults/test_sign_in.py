"""Passwords are hashed beside the event loop: who signs in does not slow who reads."""

import asyncio
import time

from tests.faults.conftest import Report, Serve
from tests.faults.load import load, percentile, quantiles
from tests.faults.people import Person, several

AT_ONCE = 8
ROUNDS = 12
READS_PER_SECOND = 150
ALLOWED = 0.1
ATTEMPTS = 3


async def test_8_sign_ins_at_once_leave_reads_under_100_ms(serve: Serve, report: Report) -> None:
    tickbox = serve()
    reader, *people = await several(tickbox.address, 1 + AT_ONCE, todos=20)
    readers = [reader.connect() for _ in range(8)]

    async def sign_in(person: Person) -> list[float]:
        client = person.connect()
        answers = [await client.sign_in() for _ in range(ROUNDS)]
        assert {answer.status for answer in answers} == {200}
        client.connection.close()
        return [answer.seconds for answer in answers]

    async def attempt() -> float:
        """The p99 of the reads that were sent while people signed in."""
        async with load([reader.list_todos for reader in readers], READS_PER_SECOND) as reads:
            await reads.grows_by(50)
            begin = time.perf_counter()
            sign_ins = await asyncio.gather(*(sign_in(person) for person in people))
            end = time.perf_counter()
        seconds = reads.seconds(begin, end)
        report(f"reads meanwhile {quantiles(seconds)}")
        report(f"sign-ins, {AT_ONCE} at once, {quantiles([s for some in sign_ins for s in some])}")
        assert reads.failures == []
        assert {answer.status for answer in reads.answers} == {200}
        assert len(seconds) >= 100
        return percentile(seconds, 99)

    # What else the machine does is no fault of the service: hashing in the event loop fails each.
    for _ in range(ATTEMPTS):
        p99 = await attempt()
        if p99 < ALLOWED:
            break
    assert p99 < ALLOWED
