"""SIGTERM under load: what came in is answered whole, then connections are refused.

A request came in when it was written to a connection that the service had not closed. Each
connection ends by an answer that says so (`Connection: close`), and nothing may be sent after it:
so on these clients, which send one request after the other, no request at all may go unanswered.
A new connection may be reset between the last one accepted and the listener's end, so that of
these all must be answered that were accepted, which is known by what they wrote.
"""

import asyncio
import time
from dataclasses import dataclass, field

import asyncpg
import pytest

from tests.faults.conftest import Report, Serve
from tests.faults.people import Client, lost_writes, several
from tests.faults.wire import Answer, Broken, Connection

each_number = pytest.mark.parametrize("workers", ["1", "2"])
each_scheme = pytest.mark.parametrize("scheme", ["http", "https"])

KEPT = 24
NEW = 4
TERM_AFTER = 300  # answers


@dataclass
class Traffic:
    """What became of all requests."""

    answers: list[Answer] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    refused: int = 0
    enough: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, answer: Answer) -> None:
        self.answers.append(answer)
        if len(self.answers) == TERM_AFTER:
            self.enough.set()


async def send_until_refused(client: Client, traffic: Traffic, *, new: bool) -> None:
    """One request after the other, on one connection or each on a new one."""
    while True:
        try:
            if new:
                client.connection.close()
                traffic.add(await client.create())
            else:
                traffic.add(await client.in_turn())
        except Broken as broken:
            if broken.refused:
                traffic.refused += 1
                return
            traffic.broken.append(broken)


@each_number
@each_scheme
async def test_no_request_is_dropped_under_load(
    serve: Serve, report: Report, database: asyncpg.Connection, scheme: str, workers: str
) -> None:
    tickbox = serve(scheme, workers=workers)
    people = await several(tickbox.address, 4, todos=20)
    traffic, fresh = Traffic(), Traffic()
    async with asyncio.TaskGroup() as senders:
        for number in range(KEPT):
            client = people[number % len(people)].connect()
            senders.create_task(send_until_refused(client, traffic, new=False))
        for number in range(NEW):
            client = people[number % len(people)].connect()
            senders.create_task(send_until_refused(client, fresh, new=True))
        await traffic.enough.wait()
        tickbox.terminate()
        begin = time.perf_counter()
    refused_after = time.perf_counter() - begin
    code = await asyncio.to_thread(tickbox.process.wait, 20)
    seconds = time.perf_counter() - begin

    report(
        f"{len(traffic.answers)} answers on {KEPT} kept connections, {len(fresh.answers)} on new "
        f"ones ({len(fresh.broken)} reset); all refused after {refused_after:.2f} s, ended after "
        f"{seconds:.2f} s"
    )
    assert code == 0, tickbox.last_words()
    assert traffic.broken == []
    assert [broken for broken in fresh.broken if broken.received] == []
    assert {answer.status for answer in traffic.answers + fresh.answers} <= {200, 201}
    assert (traffic.refused, fresh.refused) == (KEPT, NEW)
    assert await lost_writes(people, database) == []
    # Nor was anything written that nobody was told of.
    written = await database.fetchval(
        "SELECT count(*) FROM todos WHERE project_id IN (SELECT id FROM projects) AND created_by "
        "IN (SELECT id FROM users WHERE email = ANY($1))",
        [person.email for person in people],
    )
    assert written == sum(len(person.created) for person in people)
    assert seconds < 5


@each_number
@each_scheme
async def test_no_new_connection_is_reset(
    serve: Serve, report: Report, scheme: str, workers: str
) -> None:
    """They come all the time, also between the last look at them and the listener's end."""
    tickbox = serve(scheme, workers=workers, log_level="warning")
    traffic = Traffic()

    async def ask_until_refused() -> None:
        connection = Connection(tickbox.address)
        while traffic.refused == 0:
            try:
                traffic.add(await connection.send("GET", "/livez"))
            except Broken as broken:
                if broken.refused:
                    traffic.refused += 1
                else:
                    traffic.broken.append(broken)
            connection.close()

    async with asyncio.TaskGroup() as askers:
        for _ in range(KEPT):
            askers.create_task(ask_until_refused())
        await traffic.enough.wait()
        tickbox.terminate()
    report(f"{len(traffic.answers)} answers, each on a connection of its own")
    # One may come in the microseconds between the last look and the end, which the kernel then
    # resets: no system call does both. Without the look there are many.
    assert len(traffic.broken) <= 1
    assert await asyncio.to_thread(tickbox.process.wait, 20) == 0


@each_number
async def test_what_was_sent_before_the_close_is_answered(
    serve: Serve, report: Report, workers: str
) -> None:
    """Frozen, the service has seen none of it when it is told to end: each is there before.

    By HTTPS nothing can be sent to one that is frozen: the handshake comes first.
    """
    tickbox = serve(workers=workers)
    (ada,) = await several(tickbox.address, 1)
    kept = [ada.connect() for _ in range(32)]
    for client in kept:
        assert (await client.list_todos()).status == 200
    new = [ada.connect() for _ in range(32)]

    frozen = tickbox.serving()
    for process in frozen:
        process.suspend()
    tickbox.terminate()
    for client in new:
        await client.connection.open()
    answers = [asyncio.create_task(client.create()) for client in kept + new]
    await asyncio.sleep(0)
    begin = time.perf_counter()
    for process in frozen:
        process.resume()

    statuses = [answer.status for answer in await asyncio.gather(*answers)]
    code = await asyncio.to_thread(tickbox.process.wait, 20)
    report(f"{len(statuses)} answered, ended after {time.perf_counter() - begin:.2f} s")
    assert statuses == [201] * 64
    assert code == 0
