"""500 clients that send by the byte are cut, and take nothing from those who do not."""

import asyncio
import time
from collections.abc import Iterator
from statistics import median

from tests.faults.conftest import Report, Serve
from tests.faults.load import Load, load, percentile, quantiles
from tests.faults.people import Person, several
from tests.faults.wire import open_streams

SLOW = 500
BYTE_EVERY = 0.5
REQUEST_TIMEOUT = 10.0  # the default
CUT_WITHIN = 15.0
READS_PER_SECOND = 150
WINDOW = 1.0
QUIET = 6 * READS_PER_SECOND


async def send_slowly(person: Person, number: int) -> float:
    """Send a head or a body by the byte until it is cut, and give the seconds that it took."""
    # They come and send evenly: in bursts the work of this process would be what is measured.
    await asyncio.sleep(number * BYTE_EVERY / SLOW * 3)
    reader, writer = await open_streams(person.address)
    begin = time.perf_counter()
    if number % 2:
        writer.write(
            b"POST /v1/todos HTTP/1.1\r\nHost: tickbox\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: 1000\r\n\r\n" % person.token.encode()
        )
    else:
        writer.write(b"GET /v1/todos HTTP/1.1\r\nX-Slow: ")
    ended = asyncio.create_task(reader.read())
    while not ended.done():
        writer.write(b" ")
        await asyncio.wait([ended], timeout=BYTE_EVERY)
    seconds = time.perf_counter() - begin
    assert ended.result().startswith(b"HTTP/1.1 408 ")
    writer.close()
    return seconds


def windows(reads: Load, since: float, until: float) -> Iterator[float]:
    """The p99 of each window: their median does not care for a moment in which all stood still."""
    while since + WINDOW <= until:
        yield percentile(reads.seconds(since, since + WINDOW), 99)
        since += WINDOW


async def test_slow_clients_are_cut_and_others_served(serve: Serve, report: Report) -> None:
    tickbox = serve()
    ada, mallory = await several(tickbox.address, 2, todos=20)
    readers = [ada.connect() for _ in range(6)]

    async with load([reader.list_todos for reader in readers], READS_PER_SECOND) as reads:
        await reads.grows_by(READS_PER_SECOND)
        start = time.perf_counter()
        await reads.grows_by(QUIET)
        begin = time.perf_counter()
        cut = await asyncio.gather(*(send_slowly(mallory, number) for number in range(SLOW)))
        end = time.perf_counter()
        await reads.grows_by(QUIET)
        stop = time.perf_counter()

    # Before and after, so that what else the machine does is on both sides.
    alone = [*windows(reads, start, begin), *windows(reads, end, stop)]
    beside = list(windows(reads, begin, end))
    report(f"{SLOW} cut after {min(cut):.1f} to {max(cut):.1f} s")
    report(f"alone {quantiles(reads.seconds(start, begin) + reads.seconds(end, stop))}")
    report(f"beside them {quantiles(reads.seconds(begin, end))}")
    ratio = median(beside) / median(alone)
    report(
        f"median of the windows' p99: {median(alone) * 1000:.1f} ms alone, "
        f"{median(beside) * 1000:.1f} ms beside them, {ratio:.2f} times as much"
    )
    assert reads.failures == []
    assert {answer.status for answer in reads.answers} == {200}
    assert len(cut) == SLOW
    assert min(cut) > REQUEST_TIMEOUT - 1
    assert max(cut) < CUT_WITHIN
    assert len(beside) >= 10
    assert ratio < 2
