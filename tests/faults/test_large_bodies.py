"""A body without an end is cut where the contract says, and costs no memory."""

import asyncio
from contextlib import suppress

import pytest

from tests.faults.conftest import Report, Serve
from tests.faults.people import Person, several
from tests.faults.processes import Tickbox
from tests.faults.wire import open_streams, send_until_answered

LIMIT = 1 << 20
BODY = 1 << 30
CHUNK = b"%x\r\n%b\r\n" % (1 << 16, b" " * (1 << 16))
# Of each at most two copies of what is allowed (its parts, and what they are joined to), what is
# read at once, and by HTTPS that once more as it is encrypted; besides what the allocator keeps.
ALLOWED_EACH = 3 << 20
ALLOWED_GROWTH = 8 << 20
# What the sockets on both sides hold, besides what the service has read.
BUFFERS = 16 << 20


async def upload(person: Person) -> int:
    """Send a gigabyte until it is refused, and give how much could be sent."""
    reader, writer = await open_streams(person.address)
    writer.write(
        b"POST /v1/todos HTTP/1.1\r\nHost: tickbox\r\nContent-Type: application/json\r\n"
        b"Authorization: Bearer %b\r\nTransfer-Encoding: chunked\r\n\r\n" % person.token.encode()
    )
    sent, answer = await send_until_answered(reader, writer, CHUNK, BODY)
    status, headers, content = answer
    assert status == 413
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert b'"content_too_large"' in content
    with suppress(OSError):  # closed as well, where more was sent than is waited for
        assert await reader.read() == b""
    return sent


async def peak(tickbox: Tickbox, uploads: asyncio.Future[list[int]]) -> int:
    most = 0
    while not uploads.done():
        most = max(most, tickbox.resident_bytes())
        await asyncio.sleep(0.005)
    return most


@pytest.mark.parametrize("at_once", [1, 8])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_gigabyte_is_cut_at_1_mib(
    serve: Serve, report: Report, scheme: str, at_once: int
) -> None:
    tickbox = serve(scheme)
    (ada,) = await several(tickbox.address, 1, todos=20)
    client = ada.connect()
    assert (await client.list_todos()).status == 200
    before = tickbox.resident_bytes()

    uploads = asyncio.gather(*(upload(ada) for _ in range(at_once)))
    most = await peak(tickbox, uploads)

    growth = most - before
    sent = await uploads
    report(f"sent up to {max(sent) >> 10} KiB, memory grew by {growth / (1 << 20):.1f} MiB")
    assert (await client.list_todos()).status == 200
    assert min(sent) >= LIMIT
    assert max(sent) < LIMIT + BUFFERS
    assert growth < ALLOWED_GROWTH + at_once * ALLOWED_EACH
