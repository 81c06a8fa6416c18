"""Pages of 4 MiB whose clients never read are dropped, and their memory comes back."""

import socket
import time

import pytest

from tests.faults.conftest import Report, Serve
from tests.faults.people import Person, several
from tests.faults.processes import Tickbox

AT_ONCE = 8
ROUNDS = 4
SEND_TIMEOUT = 1
# The time, and what a busy machine adds.
CUT_WITHIN = 10.0
LARGE = "\U0001f682" * 49_990
PAGE = 3 << 20
# Less than what one round is sent; four of them that stay would be four times as much.
ALLOWED_GROWTH = AT_ONCE * PAGE


def hold(tickbox: Tickbox, person: Person) -> tuple[float, int]:
    """Ask for pages and read none; after how many seconds the last is cut, and the most memory."""
    host, port, context = tickbox.address
    request = (
        b"GET /v1/todos?limit=200 HTTP/1.1\r\nHost: tickbox\r\n"
        b"Authorization: Bearer %b\r\n\r\n" % person.token.encode()
    )
    connections = []
    for _ in range(AT_ONCE):
        connection = socket.create_connection((host, port), CUT_WITHIN)
        if context is not None:
            connection = context.wrap_socket(connection, server_hostname=host)
        connections.append(connection)
    ports = {connection.getsockname()[1] for connection in connections}
    begin = time.perf_counter()
    for connection in connections:
        connection.sendall(request)
    most = 0
    while left := ports & tickbox.client_ports():
        most = max(most, tickbox.resident_bytes())
        assert time.perf_counter() < begin + CUT_WITHIN, f"{len(left)} are still there"
    seconds = time.perf_counter() - begin
    for connection in connections:
        connection.close()
    return seconds, most


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_unread_pages_are_dropped(serve: Serve, report: Report, scheme: str) -> None:
    tickbox = serve(scheme, send_timeout=str(SEND_TIMEOUT))
    (ada,) = await several(tickbox.address, 1)
    connection = ada.connect().connection
    for number in range(30):
        todo = {"title": f"{number}", "description": LARGE}
        assert (await connection.send("POST", "/v1/todos", todo)).status == 201
    page = await connection.send("GET", "/v1/todos?limit=200")
    assert page.json()["next_cursor"] is not None
    assert len(page.body) > PAGE
    connection.close()

    rounds = [hold(tickbox, ada) for _ in range(ROUNDS)]

    most = [memory for _, memory in rounds]
    report(
        f"cut after {max(seconds for seconds, _ in rounds):.1f} s at most; MiB in each round: "
        f"{', '.join(str(memory >> 20) for memory in most)}"
    )
    assert max(most) < most[0] + ALLOWED_GROWTH
