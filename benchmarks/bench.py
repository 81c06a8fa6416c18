"""`make bench`: Tickbox, the floor under it, the usual way and a version before, in one run.

Each peer is one process, all on a core that is theirs alone, one loaded at a time; the stores and
wrk share the other cores. Rounds are interleaved: case by case and peer by peer, then all again,
so that what the machine does meanwhile meets all of them alike.
"""

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer
from httpx import AsyncClient

from app.core.settings import Settings, StartError
from benchmarks import table, targets
from benchmarks.cases import (
    CACHED_LIST,
    CACHED_TODAY,
    CASES,
    CREATE,
    HELLO,
    LABELLED_LIST,
    LIST,
    OLD_CASES,
    PATCH,
    READ,
    Case,
    Sender,
)
from benchmarks.fill import connected
from benchmarks.load import Cell, measure, probe, warm_up, wrk, wrk_version
from benchmarks.people import Person, settle, sign_in
from benchmarks.servers import (
    ROOT,
    SERVE,
    BenchmarkError,
    Peer,
    Server,
    beside,
    cores,
    environment,
    idle_cpu,
    python_of,
    started,
    stores,
    uncached,
    versions,
)
from benchmarks.table import BEFORE, FLOOR, TICKBOX, USUAL
from benchmarks.usual import token_for

# What is not to be answered from the cache.
_READS = (LIST, READ, LABELLED_LIST)


def _paths(*cases: Case) -> dict[Case, str]:
    return {case: case.path for case in cases}


def start_version(
    name: str,
    checkout: Path,
    settings: Settings,
    todos: int,
    folder: Path,
    stack: ExitStack,
    cases: Sequence[Case] = CASES,
) -> list[Server]:
    """A Tickbox as in production, and once more without what would answer in the database's place.

    The first one migrates its database, and in it all sign up who send one of its cases.
    """
    people: dict[Sender, Person] = {}
    servers: list[Server] = []
    for given, is_read in ((environment(settings), False), (uncached(settings), True)):
        paths = _paths(*(case for case in cases if (case in _READS) == is_read))
        peer = Peer(name, SERVE, given, paths, people, checkout)
        servers += stack.enter_context(started([peer], folder))
    senders = {case.sender for case in cases}
    people.update(asyncio.run(_settled(servers[0], settings, todos, senders)))
    return servers


async def _settled(
    server: Server, settings: Settings, todos: int, senders: Iterable[Sender]
) -> Mapping[Sender, Person]:
    async with AsyncClient(base_url=server.url, timeout=30) as client:
        people = await settle(client, todos, senders)
    async with connected(settings) as database:
        for command in ("VACUUM ANALYZE", "CHECKPOINT"):
            await database.execute(command)
    return people


def others(settings: Settings, people: Mapping[Sender, Person]) -> list[Peer]:
    """The floor and the usual way, on the same database."""
    given = environment(settings)
    ids = {f"BENCH_{sender.upper()}": str(person.id) for sender, person in people.items()}
    usual_people = {
        sender: Person(person.id, token_for(person.id, settings), person.todos)
        for sender, person in people.items()
    }
    floor_paths = {
        **_paths(*CASES),
        CACHED_LIST: "/cached",
        CACHED_TODAY: "/cached",
        LABELLED_LIST: "/labelled",
    }
    usual_paths = _paths(HELLO, LIST, READ, CREATE, PATCH)
    return [
        Peer(FLOOR, ("-m", "benchmarks.floor"), {**given, **ids}, floor_paths, dict(people)),
        Peer(USUAL, ("-m", "benchmarks.usual"), given, usual_paths, usual_people),
    ]


class Run:
    """The servers of a run, and what is asked of them."""

    def __init__(self, servers: Sequence[Server], folder: Path) -> None:
        self._servers = servers
        self._folder = folder
        for server in servers:
            for sender, person in server.peer.people.items():
                lines = "".join(f"{todo_id}\n" for todo_id in person.todos)
                self._ids(server, sender).write_text(lines)

    def _ids(self, server: Server, sender: Sender) -> Path:
        return self._folder / f"{server.pid}-{sender}.ids"

    def check(self) -> None:
        """See that all do the same. Raises `BenchmarkError`."""
        for case in CASES:
            bodies = {}
            for server in self._taking(case):
                todo_id = str(server.peer.people[case.sender].todos[-1])
                for _ in range(2):  # the second one finds in the cache what the first put there
                    answer = probe(server, case, todo_id)
                cache = answer.headers.get("x-cache")
                if server.peer.name in {TICKBOX, BEFORE} and case.cached != (cache == "hit"):
                    raise BenchmarkError(f"Tickbox's cache says {cache!r} to {case.name}.")
                if server.peer.name != BEFORE:  # which has a database of its own
                    bodies[server.peer.name] = answer.json()
            if case.sender == "reader":
                _compare(bodies, case)

    def warm_up(self, connections: int) -> None:
        """Fill pools, and caches of all kinds."""
        for case in CASES:
            loads = [(server, self._ids(server, case.sender)) for server in self._taking(case)]
            warm_up(loads, case, connections)

    def round(self, connections: Sequence[int], seconds: int, *, back: bool) -> Iterator[Cell]:
        """Each cell once; `back` turns the order of the peers round."""
        asyncio.run(self._sign_in())
        for case in CASES:
            for number in connections:
                for server in self._taking(case)[:: -1 if back else 1]:
                    yield measure(server, case, number, seconds, self._ids(server, case.sender))

    async def _sign_in(self) -> None:
        """Anew each round: an access token lives for 15 minutes at most."""
        for name in (TICKBOX, BEFORE):
            for server in [server for server in self._servers if server.peer.name == name][:1]:
                async with AsyncClient(base_url=server.url, timeout=30) as client:
                    await sign_in(client, server.peer.people)

    def _taking(self, case: Case) -> list[Server]:
        return [server for server in self._servers if case in server.peer.paths]


def _compare(answers: Mapping[str, Any], case: Case) -> None:
    """Raise `BenchmarkError` where they differ; cursors are Tickbox's alone."""
    bodies = {name: body.get("items", body) for name, body in answers.items()}
    if any(body != bodies[FLOOR] for body in bodies.values()):
        raise BenchmarkError(f"The peers answer differently to {case.name}: {answers}")


def run(
    rounds: int,
    seconds: int,
    connections: Sequence[int],
    todos: int,
    idle_seconds: int,
    against: Path | None,
    folder: Path,
) -> tuple[str, bool]:
    """All of it: the tables as Markdown, and whether the targets are met.

    Raises `BenchmarkError`, `StartError`.
    """
    load = os.getloadavg()[0]
    with ExitStack() as stack:
        settings = stack.enter_context(stores(folder / "stores"))
        servers = start_version(TICKBOX, ROOT, settings, todos, folder, stack)
        if against is not None:
            own = asyncio.run(beside(settings, "version_before"))
            servers += start_version(BEFORE, against, own, todos, folder, stack, OLD_CASES)
        servers += stack.enter_context(started(others(settings, servers[0].peer.people), folder))
        measuring = Run(servers, folder)
        measuring.check()
        measuring.warm_up(max(connections))
        cells: list[list[Cell]] = []
        for number in range(rounds):
            cells.append([])
            for cell in measuring.round(connections, seconds, back=number % 2 == 1):
                cells[-1].append(cell)
                _say(f"round {number + 1} of {rounds}: {cell}")
        resting = targets.Resting(idle_cpu(servers, idle_seconds)[0], servers[0].memory())
        present = asyncio.run(versions(settings))
    measured = table.Measured(cells)
    verdicts = targets.verdicts(measured, resting)
    facts = (
        f"{table.circumstances(present, wrk_version())} {rounds} round(s) of {seconds} s a cell; "
        f"{todos:,} todos for each sender; load average before it {load:.1f}."
    )
    ratios = (
        "App CPU a request as a multiple of the floor's in the same round: median of the rounds "
        "(least to most)."
    )
    parts = (
        *(facts, "The targets, of medians:", targets.as_table(verdicts)),
        *(ratios, table.ratio_table(measured)),
        *("Medians of the rounds:", table.full_table(measured)),
    )
    return "\n\n".join(parts), all(verdict.is_met for verdict in verdicts)


def _revision(checkout: Path) -> str:
    """What is checked out there. Raises `BenchmarkError` if it cannot be started."""
    if not python_of(checkout).exists() or not (checkout / "app" / "cli").is_dir():
        raise BenchmarkError(
            f"{checkout} is no checkout of Tickbox in which `make .venv/.run` ran."
        )
    git = ["git", "-C", str(checkout), "rev-parse", "--short", "HEAD"]
    said = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return said or "another version"


def _say(line: str) -> None:
    typer.echo(line, err=True)


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often each cell is measured.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="How long each time.")] = 4,
    # Typer's way to give a default for a list; nothing changes it.
    connections: Annotated[list[int], typer.Option(min=1, help="Of wrk; repeatable.")] = [8, 32],  # noqa: B006
    todos: Annotated[int, typer.Option(min=50, help="Of each of the two users.")] = 2000,
    against: Annotated[
        Path | None,
        typer.Option(help="Another checkout, with its .venv, to measure beside this one."),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only see that all of it works; the README stays.")
    ] = False,
) -> None:
    """Measure, print the tables, and write them into benchmarks/README.md.

    Exits with 1 if a target is missed.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    idle_seconds = 20
    options = " ".join(sys.argv[1:])
    if quick:
        rounds, seconds, connections, todos, idle_seconds = 1, 1, [8], 200, 2
    try:
        if against is not None:
            options = options.replace(str(against), f"({_revision(against)})")
            against = against.resolve()
        wrk()
        cores()
        with tempfile.TemporaryDirectory(prefix="tickbox-bench-") as name:
            result, is_met = run(
                rounds, seconds, sorted(connections), todos, idle_seconds, against, Path(name)
            )
    except (BenchmarkError, StartError) as error:
        _say(f"bench: {error}")
        raise typer.Exit(1) from None
    command = "make bench" + (f" ARGS='{options}'" if options else "")
    result = f"`{command}`, {result}"
    typer.echo(result)
    if quick:
        return
    table.write(result)
    if not is_met:
        _say("bench: a target is missed.")
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
