"""Every connection to the database is taken: a quick 503, and the process is alive."""

import asyncio
from uuid import UUID

import asyncpg

from tests.faults.conftest import Report, Serve
from tests.faults.load import quantiles
from tests.faults.people import several
from tests.faults.wire import Connection
from tests.locks import everybody_waits

AT_ONCE = 24


async def test_no_connection_left_is_a_quick_503(
    serve: Serve, report: Report, database: asyncpg.Connection
) -> None:
    tickbox = serve(database_pool_size="8")
    (ada,) = await several(tickbox.address, 1)
    holders = [ada.connect() for _ in range(2)]
    for holder in holders:
        assert (await holder.patch()).status == 201
    others = [ada.connect() for _ in range(AT_ONCE)]
    probe = Connection(tickbox.address)

    async with database.transaction():
        await database.execute(
            "SELECT FROM todos WHERE id = ANY($1) FOR UPDATE", [UUID(i) for i in ada.created]
        )
        held = [asyncio.create_task(holder.patch()) for holder in holders]
        await everybody_waits(database, 2)
        refused = asyncio.gather(
            *(other.create() for other in others[::2]),
            *(other.list_todos() for other in others[1::2]),
        )
        alive = []
        while not refused.done():
            alive.append(await probe.send("GET", "/livez"))
        answers = await refused

    freed = await asyncio.gather(*held)
    normal = await asyncio.gather(*(other.create() for other in others))
    report(f"503s {quantiles([answer.seconds for answer in answers])}")
    report(f"/livez meanwhile {quantiles([answer.seconds for answer in alive])}")
    assert [answer for answer in answers if not answer.is_unavailable] == []
    assert max(answer.seconds for answer in answers) < 2
    assert {answer.status for answer in alive} == {200}
    assert max(answer.seconds for answer in alive) < 1
    assert [answer.status for answer in freed] == [200, 200]
    assert {answer.status for answer in normal} == {201}
