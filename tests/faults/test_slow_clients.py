"""500 clients that send by the byte are cut, and take nothing from those who do not."""

import asyncio
import time
from collections.abc import Iterator
from statistics import median

import pytest

from tests.faults.conftest import Report, Serve
from tests.faults.load import Load, load, percentile, quantiles
from tests.faults.people import Person, several

SLOW = 500
BYTE_EVERY = 1.0
COME_WITHIN = 2.0
REQUEST_TIMEOUT = 10.0  # the default
CUT_WITHIN = 15.0
READS_PER_SECOND = 150
WINDOW = 1.0
QUIET = 6 * READS_PER_SECOND
# Seconds. Twice of some milliseconds is what a busy machine makes of it, and nobody notices.
UNNOTICED = 0.05


class SlowClient(asyncio.Protocol):
    """Sends a head or a body by the byte, as cheaply as can be: it shares a process with those
    that are measured.
    """

    def __init__(self, beginning: bytes) -> None:
        self.ended: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._beginning = beginning
        # Of a body the app says that it is late; of a head there is nobody to tell.
        self._is_told = beginning.startswith(b"POST")
        self._received = b""

    # asyncio's own narrows the type as well.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._since = time.perf_counter()
        transport.write(self._beginning)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._received += data

    def connection_lost(self, _error: Exception | None) -> None:
        self._next.cancel()
        told = self._received.startswith(b"HTTP/1.1 408 ")
        if told if self._is_told else self._received == b"":
            self.ended.set_result(time.perf_counter() - self._since)
        else:
            self.ended.set_exception(AssertionError(f"it was told {self._received!r}"))

    def _send(self) -> None:
        self._transport.write(b" ")
        self._next = asyncio.get_running_loop().call_later(BYTE_EVERY, self._send)


async def send_slowly(person: Person, number: int) -> float:
    """How many seconds it took until a slow client was cut."""
    head = b"GET /v1/todos HTTP/1.1\r\nX-Slow: "
    body = (
        b"POST /v1/todos HTTP/1.1\r\nHost: tickbox\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nContent-Length: 1000\r\n\r\n" % person.token.encode()
    )
    # They come and send evenly: in bursts the work of this process would be what is measured.
    await asyncio.sleep(COME_WITHIN * number / SLOW)
    host, port, context = person.address
    _, client = await asyncio.get_running_loop().create_connection(
        lambda: SlowClient(body if number % 2 else head), host, port, ssl=context
    )
    return await client.ended


def windows(reads: Load, since: float, until: float) -> Iterator[float]:
    """The p99 of each window: their median does not care for a moment in which all stood still."""
    while since + WINDOW <= until:
        yield percentile(reads.seconds(since, since + WINDOW), 99)
        since += WINDOW


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_slow_clients_are_cut_and_others_served(
    serve: Serve, report: Report, scheme: str
) -> None:
    tickbox = serve(scheme)
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
    report(
        f"median of the windows' p99: {median(alone) * 1000:.1f} ms alone, "
        f"{median(beside) * 1000:.1f} ms beside them"
    )
    assert reads.failures == []
    assert {answer.status for answer in reads.answers} == {200}
    assert len(cut) == SLOW
    assert min(cut) > REQUEST_TIMEOUT - 1
    assert max(cut) < CUT_WITHIN
    assert len(beside) >= 10
    assert median(beside) < max(2 * median(alone), UNNOTICED)
