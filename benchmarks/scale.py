"""`make bench-scale`: how the cost of a request grows with the data.

Two questions. Does a page deep in a list of 100,000 todos cost what the first one does? And what do
a user's requests take when the table has a thousand times as many todos, nearly all of them other
people's? One process of Tickbox with the cache off, on a core that is its own, and one connection.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.core.settings import StartError
from benchmarks import table
from benchmarks.depth import LIMIT, Depth, depths
from benchmarks.growth import CASES, Latencies, Stage, latencies, stages
from benchmarks.people import settle
from benchmarks.plot import Panel, svg
from benchmarks.servers import BenchmarkError, cores, stores, versions

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
LONG_LIST = 100_000
MOST = 1.2
PLOT = Path(__file__).with_name("scale.svg")
# A todo with its entries in all indexes, its share of the log, and what sorting takes meanwhile.
BYTES_A_TODO = 3_000


@dataclass(frozen=True, slots=True)
class Result:
    """What was measured where."""

    facts: str
    depths: list[Depth]
    stages: list[Stage]
    latencies: list[Latencies]


def run(sizes: Sequence[int], long_list: int, requests: int, folder: Path) -> Result:
    """All of it. Raises `BenchmarkError`, `StartError`."""
    load = os.getloadavg()[0]
    with stores(folder / "depth") as settings:
        found = depths(settings, long_list, folder)
        for depth in found:
            _say(f"{depth.projects} project(s): page {depth.pages:,} / page 1 is {depth.ratio:.2f}")
        present = asyncio.run(versions(settings))
    shutil.rmtree(folder / "depth")
    grown = []
    with stores(folder / "growth") as settings:
        person = asyncio.run(settle(settings, 0))["reader"]
        for stage in stages(settings, person, sizes):
            grown.append(stage)
            _say(f"{stage.size:,} todos are there, after {stage.seconds:.0f} s")
        taken = latencies(person, grown, requests, folder)
    facts = (
        f"{table.circumstances(present)} {requests} requests of each kind; load average before it "
        f"{load:.1f}, at its end {os.getloadavg()[0]:.1f}."
    )
    return Result(facts, found, grown, taken)


def depth_table(found: Sequence[Depth]) -> str:
    """The medians of a list's pages, and their ratios to the first."""
    pages = found[0].pages
    head = [
        *("projects", "target", "page 1", f"page {pages // 2:,}", f"page {pages:,}"),
        *(f"page {pages // 2:,} / page 1", f"page {pages:,} / page 1"),
    ]
    rows = [
        [
            *(str(depth.projects), f"≤ {MOST}"),
            *(f"{value:.2f} ms" for value in (depth.first, depth.middle, depth.last)),
            *(f"{ratio:.2f}" for ratio in (depth.middle_ratio, depth.ratio)),
        ]
        for depth in found
    ]
    return table.markdown(head, rows)


def growth_table(result: Result) -> str:
    """Median and p99 of each kind of request at each size."""
    head = ["todos", "on disk + indexes", *(case.name for case in CASES)]
    rows = [
        [
            f"{stage.size:,}",
            f"{_size(stage.table_bytes)} + {_size(stage.index_bytes)}",
            *(str(measured[case]) for case in CASES),
        ]
        for stage, measured in zip(result.stages, result.latencies, strict=True)
    ]
    return table.markdown(head, rows)


def plot(result: Result) -> str:
    """The same as a picture."""
    panels = [
        Panel(
            title,
            "todos in the table (logarithmic)",
            "latency in ms",
            [stage.size for stage in result.stages],
            {case.name: [getattr(at[case], name) for at in result.latencies] for case in CASES},
        )
        for name, title in (("p50", "Median"), ("p99", "99th percentile"))
    ]
    return svg(panels, "Latency of requests by the number of todos in the table")


def _size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def _say(line: str) -> None:
    typer.echo(line, err=True)


def main(
    requests: Annotated[int, typer.Option(min=10, help="Of each kind, at each size.")] = 500,
    quick: Annotated[
        bool, typer.Option("--quick", help="Up to 100,000 todos; the README stays.")
    ] = False,
) -> None:
    """Measure, print the tables, write them and the plot beside benchmarks/README.md.

    Exits with 1 if a page deep in a list costs too much.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was started is ended
    command = "make bench-scale" + (f" ARGS='{' '.join(sys.argv[1:])}'" if sys.argv[1:] else "")
    sizes: Sequence[int] = SIZES
    long_list = LONG_LIST
    if quick:
        sizes, long_list, requests = SIZES[:2], LONG_LIST // 10, 50
    try:
        cores()
        with tempfile.TemporaryDirectory(prefix="tickbox-scale-") as folder:
            _check_room(sizes[-1], folder)
            result = run(sizes, long_list, requests, Path(folder))
    except (BenchmarkError, StartError) as error:
        _say(f"scale: {error}")
        raise typer.Exit(1) from None
    text = "\n\n".join(
        (
            f"`{command}`, {result.facts}",
            f"A list of {long_list:,} todos, {LIMIT} a page; medians:",
            depth_table(result.depths),
            "Median / p99 in ms, by the number of todos in the table:",
            growth_table(result),
            f"![Latency by the number of todos]({PLOT.name})",
        )
    )
    typer.echo(text)
    if not quick:
        table.write(text, "scale")
        PLOT.write_text(plot(result))
    if any(max(depth.ratio, depth.middle_ratio) > MOST for depth in result.depths):
        _say(f"scale: A page deep in the list costs more than {MOST} times the first.")
        raise typer.Exit(1)


def _check_room(todos: int, folder: str) -> None:
    free, needed = shutil.disk_usage(folder).free, todos * BYTES_A_TODO
    if free < needed:
        raise BenchmarkError(f"{_size(needed)} are needed in {folder}: set TMPDIR.")


if __name__ == "__main__":
    typer.run(main)
