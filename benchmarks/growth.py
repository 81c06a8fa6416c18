"""What one user's requests take while the table grows by what other users have.

One table grows from size to size, and a copy of its database is kept at each. All of them are
measured at the end, by turns, so that what the machine does meanwhile meets all sizes alike.
"""

import asyncio
import os
import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from time import monotonic
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import make_url

from app.core.clock import utc_now
from app.core.settings import Settings
from app.security.access_tokens import AccessTokens
from benchmarks.cases import CREATE, LIST, READ, Case
from benchmarks.client import Client, Latency
from benchmarks.fill import add_users, connected, fill
from benchmarks.people import Person
from benchmarks.servers import started, tickbox

# Of each user, the one who is measured and all others.
PROJECTS = 10
TODOS = 1_000
# Of another user each time, about whom nobody has asked since their rows were written.
COLD_LIST = Case("list of 20, cold", LIST.path)
COLD_CREATE = Case("create, cold", CREATE.path, CREATE.method, CREATE.body)
CASES = (LIST, COLD_LIST, READ, CREATE, COLD_CREATE)
WARM_UP = 50

_TODOS = "SELECT id FROM todos WHERE created_by = $1 ORDER BY id"
_OTHERS = "SELECT id FROM users WHERE password_hash = 'none' ORDER BY md5(id::text) LIMIT 2000"
_SIZES = "SELECT ARRAY[pg_table_size('todos'), pg_indexes_size('todos')]"


@dataclass(frozen=True, slots=True)
class Stage:
    """The table at one size; `settings` lead to its database, `others` are users' tokens."""

    size: int
    table_bytes: int
    index_bytes: int
    seconds: float  # of the growth
    settings: Settings
    todos: list[UUID]  # of whom is measured
    others: list[str]


Latencies = dict[Case, Latency]


def stages(settings: Settings, person: Person, sizes: Sequence[int]) -> Iterator[Stage]:
    """The table, empty at first, at each of these sizes; `person` is one of its users."""
    for before, size in pairwise((0, *sizes)):
        start = monotonic()
        yield asyncio.run(_grown(settings, person, before, size, start, keep=size != sizes[-1]))


def latencies(
    person: Person, grown: Sequence[Stage], requests: int, folder: Path
) -> list[Latencies]:
    """What `person`'s requests take at each size."""
    with ExitStack() as stack:
        peers = [tickbox(stage.settings) for stage in grown]
        servers = stack.enter_context(started(peers, folder))
        measured = [
            _Measured(Client(server), person, stage)
            for server, stage in zip(servers, grown, strict=True)
        ]
        for number in range(-WARM_UP, requests):
            for case in CASES:
                for one in measured[:: -1 if number % 2 else 1]:
                    one.ask(case, number)
    return [one.latencies() for one in measured]


class _Measured:
    """A server whose database has a table of one size, and the times that it took."""

    def __init__(self, client: Client, person: Person, stage: Stage) -> None:
        self._client = client
        self._token = person.token
        self._stage = stage
        self._chosen = random.Random(stage.size)  # the same in each run
        self._times: dict[Case, list[float]] = {case: [] for case in CASES}

    def ask(self, case: Case, number: int) -> None:
        """A request; below 0 it is for warming up, and its time does not count."""
        token = self._token
        if case in {COLD_LIST, COLD_CREATE}:
            others = self._stage.others
            # The two halves have nobody in common, if there are users enough.
            start = 0 if case is COLD_LIST else len(others) // 2
            token = others[(start + number) % len(others)]
            # The first use of a token is dearer than all others.
            self._client.ask("/v1/users/me", token)
        path = case.path.replace("{id}", str(self._chosen.choice(self._stage.todos)))
        body = case.body.replace("{n}", str(number))
        duration, _ = self._client.timed(path, token, case.method, body)
        if number >= 0:
            self._times[case].append(duration)

    def latencies(self) -> Latencies:
        """Of each kind of request."""
        return {case: Latency.of(times) for case, times in self._times.items()}


async def _grown(
    settings: Settings, person: Person, before: int, size: int, start: float, *, keep: bool
) -> Stage:
    """Fill the table from one size up to the next, with as many users as that makes."""
    async with connected(settings) as database:
        owners = await add_users(database, (size - before) // TODOS - (before == 0))
        if before == 0:
            owners.append(person.id)
        await fill(database, owners, projects=PROJECTS, todos=TODOS // PROJECTS, first=before)
        table, indexes = await database.fetchval(_SIZES)
        todos = [row["id"] for row in await database.fetch(_TODOS, person.id)]
        others = [row["id"] for row in await database.fetch(_OTHERS)]
    here = await _copied(settings, f"tickbox_{size}") if keep else settings
    tokens = _tokens(settings, person, others)
    return Stage(size, table, indexes, monotonic() - start, here, todos, tokens)


async def _copied(settings: Settings, name: str) -> Settings:
    """Settings that lead to a copy of the database, under this name."""
    assert settings.database_url is not None
    url = make_url(settings.database_url.get_secret_value())

    def at(database: str) -> Settings:
        other = url.set(database=database).render_as_string(hide_password=False)
        return settings.model_copy(update={"database_url": SecretStr(other)})

    async with connected(at("postgres")) as server:
        await server.execute(f"CREATE DATABASE {name} TEMPLATE {url.database} STRATEGY file_copy")
    os.sync()
    return at(name)


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
