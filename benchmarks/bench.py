"""`make bench`: Tickbox, the floor under it and the usual way, in one run.

Each peer is one process, all on a core that is theirs alone, one loaded at a time; the stores and
wrk share the other cores. Rounds are interleaved: case by case and peer by peer, then all again,
so that what the machine does meanwhile meets all of them alike.
"""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from app.core.settings import Settings, StartError
from benchmarks import table
from benchmarks.cases import CACHED_LIST, CASES, CREATE, HELLO, LIST, PATCH, READ, Case, Sender
from benchmarks.load import Cell, measure, probe, warm_up, wrk, wrk_version
from benchmarks.people import Person, settle
from benchmarks.servers import (
    BenchmarkError,
    Peer,
    Server,
    cores,
    environment,
    started,
    stores,
    uncached,
    versions,
)
from benchmarks.usual import token_for

TICKBOX = "Tickbox"


def peers(settings: Settings, people: Mapping[Sender, Person]) -> list[Peer]:
    """Who is compared."""
    given = environment(settings)
    ids = {f"BENCH_{sender.upper()}": str(person.id) for sender, person in people.items()}
    tokens = {sender: person.token for sender, person in people.items()}
    usual_tokens = {sender: token_for(person.id, settings) for sender, person in people.items()}
    serve = ("-m", "app.cli", "serve")
    return [
        Peer(
            name=table.FLOOR,
            arguments=("-m", "benchmarks.floor"),
            environment={**given, **ids},
            tokens=tokens,
            paths={**_paths(*CASES), CACHED_LIST: "/cached"},
        ),
        # As in production, and once more without what would answer in the database's place.
        Peer(TICKBOX, serve, given, tokens, _paths(HELLO, CACHED_LIST, CREATE, PATCH)),
        Peer(TICKBOX, serve, uncached(settings), tokens, _paths(LIST, READ)),
        Peer(
            name="the usual way",
            arguments=("-m", "benchmarks.usual"),
            environment=given,
            tokens=usual_tokens,
            paths=_paths(HELLO, LIST, READ, CREATE, PATCH),
        ),
    ]


def _paths(*cases: Case) -> dict[Case, str]:
    return {case: case.path for case in cases}


class Run:
    """The servers of a run, and what is asked of them."""

    def __init__(
        self, servers: Sequence[Server], people: Mapping[Sender, Person], folder: Path
    ) -> None:
        self._servers = servers
        self._people = people
        self._ids = {sender: folder / f"{sender}.ids" for sender in people}
        for sender, file in self._ids.items():
            file.write_text("".join(f"{todo_id}\n" for todo_id in people[sender].todos))

    def check(self) -> dict[Case, str]:
        """See that all do the same. Gives notes for the tables. Raises `BenchmarkError`."""
        notes = {}
        for case in CASES:
            todo_id = str(self._people[case.sender].todos[-1])
            for _ in range(2):  # the second one finds in the cache what the first put there
                answers = {
                    server.peer.name: probe(server, case, todo_id) for server in self._taking(case)
                }
            cache = answers[TICKBOX].headers.get("x-cache")
            if case.cached and cache is None:
                notes[case] = " (Tickbox has no cache yet)"
            elif case.cached != (cache == "hit"):
                raise BenchmarkError(f"Tickbox's cache says {cache!r} to {case.name}.")
            if case.sender == "reader":
                _compare({name: answer.json() for name, answer in answers.items()}, case)
        return notes

    def warm_up(self, connections: int) -> None:
        """Fill pools, and caches of all kinds."""
        for case in CASES:
            warm_up(self._taking(case), case, connections, self._ids[case.sender])

    def round(self, connections: Sequence[int], seconds: int, *, back: bool) -> Iterator[Cell]:
        """Each cell once; `back` turns the order of the peers round."""
        for case in CASES:
            for number in connections:
                for server in self._taking(case)[:: -1 if back else 1]:
                    yield measure(server, case, number, seconds, self._ids[case.sender])

    def _taking(self, case: Case) -> list[Server]:
        return [server for server in self._servers if case in server.peer.paths]


def _compare(answers: Mapping[str, Any], case: Case) -> None:
    """Raise `BenchmarkError` where they differ; cursors are Tickbox's alone."""
    bodies = {name: body.get("items", body) for name, body in answers.items()}
    if any(body != bodies[table.FLOOR] for body in bodies.values()):
        raise BenchmarkError(f"The peers answer differently to {case.name}: {answers}")


def run(rounds: int, seconds: int, connections: Sequence[int], todos: int, folder: Path) -> str:
    """All of it, and the tables as Markdown. Raises `BenchmarkError`, `StartError`."""
    load = os.getloadavg()[0]
    with ExitStack() as stack:
        settings = stack.enter_context(stores(folder / "stores"))
        people = asyncio.run(settle(settings, todos))
        servers = stack.enter_context(started(peers(settings, people), folder))
        measuring = Run(servers, people, folder)
        notes = measuring.check()
        measuring.warm_up(max(connections))
        cells: list[list[Cell]] = []
        for number in range(rounds):
            cells.append([])
            for cell in measuring.round(connections, seconds, back=number % 2 == 1):
                cells[-1].append(cell)
                _say(f"round {number + 1} of {rounds}: {cell}")
        present = asyncio.run(versions(settings))
    measured = table.Measured(cells)
    facts = (
        f"{table.circumstances(present, wrk_version())} {rounds} round(s) of {seconds} s a cell; "
        f"{todos:,} todos each for who reads and who writes; load average before it {load:.1f}."
    )
    ratios = (
        "App CPU a request as a multiple of the floor's in the same round: median of the rounds "
        "(least to most)."
    )
    tables = table.ratio_table(measured, notes), table.full_table(measured, notes)
    return "\n\n".join((facts, ratios, tables[0], "Medians of the rounds:", tables[1]))


def _say(line: str) -> None:
    typer.echo(line, err=True)


def main(
    rounds: Annotated[int, typer.Option(min=1, help="How often each cell is measured.")] = 3,
    seconds: Annotated[int, typer.Option(min=1, help="How long each time.")] = 4,
    # Typer's way to give a default for a list; nothing changes it.
    connections: Annotated[list[int], typer.Option(min=1, help="Of wrk; repeatable.")] = [8, 32],  # noqa: B006
    todos: Annotated[int, typer.Option(min=50, help="Of each of the two users.")] = 2000,
    quick: Annotated[
        bool, typer.Option("--quick", help="Only see that all of it works; the README stays.")
    ] = False,
) -> None:
    """Measure, print the tables, and write them into benchmarks/README.md."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    command = "make bench" + (f" ARGS='{' '.join(sys.argv[1:])}'" if sys.argv[1:] else "")
    if quick:
        rounds, seconds, connections, todos = 1, 1, [8], 200
    try:
        wrk()
        cores()
        with tempfile.TemporaryDirectory(prefix="tickbox-bench-") as folder:
            result = run(rounds, seconds, sorted(connections), todos, Path(folder))
    except (BenchmarkError, StartError) as error:
        _say(f"bench: {error}")
        raise typer.Exit(1) from None
    result = f"`{command}`, {result}"
    typer.echo(result)
    if not quick:
        table.write(result)


if __name__ == "__main__":
    typer.run(main)
