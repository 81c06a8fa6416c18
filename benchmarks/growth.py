"""What one user's requests take while the table grows by what other users have."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import count, pairwise
from pathlib import Path
from time import monotonic
from uuid import UUID

from app.core.clock import utc_now
from app.core.config import Settings
from app.core.security import AccessTokens
from benchmarks.cases import CREATE, LIST, READ, Case
from benchmarks.client import Client, Latency
from benchmarks.fill import add_users, connected, fill
from benchmarks.people import Person, settle
from benchmarks.servers import started, tickbox

# Of each user, the one who is measured and all others.
PROJECTS = 10
TODOS = 1_000
# Somebody else's list each time: what it needs is in nobody's memory but the disk's cache.
OTHERS = Case("list of 20, another user each time", LIST.path)
CASES = (LIST, OTHERS, READ, CREATE)
WARM_UP = 50

_TODOS = "SELECT id FROM todos WHERE created_by = $1"
_OTHERS = "SELECT id FROM users WHERE id <> $1 AND password_hash = 'none' ORDER BY md5(id::text)"
_SIZES = "SELECT ARRAY[pg_table_size('todos'), pg_indexes_size('todos')]"
# Creates write numbers into titles.
_numbers = count(1)


@dataclass(frozen=True, slots=True)
class _Grown:
    """The table at its new size; `others` are tokens of other users."""

    table_bytes: int
    index_bytes: int
    todos: list[UUID]
    others: list[str]


@dataclass(frozen=True, slots=True)
class Step:
    """A size of the table, and what was measured at it."""

    todos: int
    table_bytes: int
    index_bytes: int
    fill_seconds: float
    latencies: dict[Case, Latency]


def steps(settings: Settings, sizes: Sequence[int], requests: int, folder: Path) -> Iterator[Step]:
    """The table, empty at first, at each of these sizes."""
    person = asyncio.run(settle(settings, 0))["reader"]
    for before, size in pairwise((0, *sizes)):
        start = monotonic()
        grown = asyncio.run(_grown(settings, person, size, before, requests))
        seconds = monotonic() - start
        # A new process each time: nothing that it knows is of a smaller table.
        with started([tickbox(settings)], folder) as (server,):
            latencies = _latencies(Client(server), person, grown, requests)
        yield Step(size, grown.table_bytes, grown.index_bytes, seconds, latencies)


async def _grown(
    settings: Settings, person: Person, size: int, before: int, requests: int
) -> _Grown:
    """Fill the table from one size up to the next, with as many users as that makes."""
    async with connected(settings) as database:
        owners = await add_users(database, (size - before) // TODOS - (before == 0))
        if before == 0:
            owners.append(person.id)
        await fill(database, owners, projects=PROJECTS, todos=TODOS // PROJECTS, first=before)
        table, indexes = await database.fetchval(_SIZES)
        todos = [row["id"] for row in await database.fetch(_TODOS, person.id)]
        others = [
            row["id"] for row in await database.fetch(f"{_OTHERS} LIMIT $2", person.id, requests)
        ]
    return _Grown(table, indexes, todos, _tokens(settings, person, others))


def _tokens(settings: Settings, person: Person, users: Sequence[UUID]) -> list[str]:
    """For users who cannot sign in: in the session of one who did, which has not ended."""
    assert settings.signing_keys is not None
    tokens = AccessTokens(
        settings.signing_keys.get_secret_value(),
        issuer=settings.issuer,
        audience=settings.audience,
        lifetime=timedelta(days=1),
        now=utc_now,
    )
    own = tokens.read(person.token)
    return [
        tokens.issue(user_id=user_id, session_id=own.session_id, scopes=own.scopes)
        for user_id in users
    ]


def _latencies(client: Client, person: Person, grown: _Grown, requests: int) -> dict[Case, Latency]:
    # The same choices in each run.
    chosen = random.Random(requests)
    times: dict[Case, list[float]] = {case: [] for case in CASES}
    for number in range(-WARM_UP, requests):
        for case in CASES:
            token = person.token
            if case is OTHERS:
                if number < 0:
                    continue
                token = grown.others[number % len(grown.others)]
                # The first use of a token is dearer than all others.
                client.ask("/v1/users/me", token)
            path = case.path.replace("{id}", str(chosen.choice(grown.todos)))
            body = case.body.replace("{n}", str(next(_numbers)))
            duration, _ = client.timed(path, token, case.method, body)
            if number >= 0:
                times[case].append(duration)
    return {case: Latency.of(values) for case, values in times.items()}
