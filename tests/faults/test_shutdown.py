"""SIGTERM under load: what came in is answered whole, then connections are refused.

A request came in when it was written to a connection that the service had not closed. Each
connection ends by an answer that says so (`Connection: close`), and nothing may be sent after it:
so on these clients, which send one request after the other, no request at all may go unanswered.
A new connection may be reset when the listener ends, so that of these all must be answered that
were accepted, which is known by what they wrote.
"""

import asyncio
import time
from dataclasses import dataclass, field

import asyncpg
import pytest

from tests.faults.conftest import Report, Serve
from tests.faults.people import Client, lost_writes, several
from tests.faults.wire import Answer, Broken

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
    # Whom one worker has told to go may have come anew to the other one, at its end.
    assert traffic.broken == [] or workers == "2"
    broken = traffic.broken + fresh.broken
    assert [one for one in broken if one.received] == []
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
