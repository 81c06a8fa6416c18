"""A head without an end is cut, costs no memory, and keeps nobody else waiting."""

import asyncio
import time

import pytest

from tests.faults.conftest import Report, Serve
from tests.faults.wire import Address, Connection, open_streams, send_until_answered

HEAD = 64 << 20
ALLOWED_GROWTH = 20 << 20
# What the sockets on both sides hold, and what is still read once it is refused.
BUFFERS = 32 << 20
# What a machine that is busy with other things may take; unlimited heads took four seconds.
LONGEST = 1.0


async def send_head(address: Address, chunk: bytes) -> int:
    """Send headers until they are refused, and give how much could be sent."""
    reader, writer = await open_streams(address)
    writer.write(b"GET /livez HTTP/1.1\r\nHost: tickbox\r\nX: ")
    sent, answer = await send_until_answered(reader, writer, chunk, HEAD)
    status, headers, content = answer
    assert status == 431
    assert "date" in headers
    assert (headers["connection"], content) == ("close", b"")
    return sent


@pytest.mark.parametrize("chunk", [b"\r\na: b" * 20_000, b"a" * 120_000], ids=["many", "long"])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_head_without_an_end_is_cut(
    serve: Serve, report: Report, scheme: str, chunk: bytes
) -> None:
    tickbox = serve(scheme)
    other = Connection(tickbox.address)
    assert (await other.send("GET", "/livez")).status == 200
    before = most = tickbox.resident_bytes()
    longest = 0.0

    heads = asyncio.gather(*(send_head(tickbox.address, chunk) for _ in range(8)))
    while not heads.done():
        begin = time.perf_counter()
        assert (await other.send("GET", "/livez")).status == 200
        longest = max(longest, time.perf_counter() - begin)
        most = max(most, tickbox.resident_bytes())

    growth, sent = most - before, await heads
    report(
        f"sent up to {max(sent) >> 10} KiB, memory grew by {growth / (1 << 20):.1f} MiB, "
        f"another client waited for {longest * 1000:.0f} ms at most"
    )
    assert max(sent) < BUFFERS
    assert growth < ALLOWED_GROWTH
    assert longest < LONGEST
