"""The tables: medians over the rounds, and the ratios to the floor of the same round."""

import os
import platform
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

from benchmarks.cases import CASES, Case
from benchmarks.load import Cell

FLOOR = "floor"
TICKBOX = "Tickbox"
BEFORE = "before"
USUAL = "the usual way"
README = Path(__file__).with_name("README.md")
_PACKAGES = ("uvicorn", "uvloop", "httptools", "fastapi", "pydantic", "sqlalchemy", "asyncpg")


class Measured:
    """All cells of a run, round by round."""

    def __init__(self, rounds: Sequence[Sequence[Cell]]) -> None:
        cells = [cell for cells in rounds for cell in cells]
        self._rounds = [{_key(cell): cell for cell in cells} for cells in rounds]
        self.peers = list(dict.fromkeys(cell.peer for cell in cells))
        self.connections = sorted({cell.connections for cell in cells})

    def median(
        self, peer: str, case: Case, connections: int, value: Callable[[Cell], float]
    ) -> float | None:
        """The middle one of the rounds; None where the peer does not take the case."""
        values = self._of(peer, case, connections)
        return median(map(value, values)) if values else None

    def ratios(self, peer: str, case: Case, connections: int, over: str = FLOOR) -> list[float]:
        """App CPU as a multiple of another peer's, round by round."""
        own, other = self._of(peer, case, connections), self._of(over, case, connections)
        return [a.cpu / b.cpu for a, b in zip(own, other, strict=True)] if own else []

    def _of(self, peer: str, case: Case, connections: int) -> list[Cell]:
        key = (peer, case, connections)
        return [cells[key] for cells in self._rounds if key in cells]


def _key(cell: Cell) -> tuple[str, Case, int]:
    return cell.peer, cell.case, cell.connections


def ratio_table(measured: Measured) -> str:
    """How many times the floor's app CPU each case costs."""
    peers = [peer for peer in measured.peers if peer != FLOOR]
    columns = [(peer, number) for peer in peers for number in measured.connections]
    head = ["case", "target", *(f"{peer}, {number} conn." for peer, number in columns)]
    rows = []
    for case in CASES:
        row = [case.name, f"≤ {case.target}" if case.target else ""]
        for peer, number in columns:
            ratios = measured.ratios(peer, case, number)
            spread = f" ({min(ratios):.1f} to {max(ratios):.1f})" if len(ratios) > 1 else ""
            row.append(f"{median(ratios):.2f}{spread}" if ratios else "")
        rows.append(row)
    return markdown(head, rows)


def full_table(measured: Measured) -> str:
    """Everything that was measured."""
    head = ["case", "conn.", "peer", "requests/s", "p50 ms", "p99 ms", "app CPU µs", "/ floor's"]
    return markdown(head, list(_rows(measured)))


def _rows(measured: Measured) -> Iterator[list[str]]:
    for case in CASES:
        for number in measured.connections:
            for peer in measured.peers:
                rate = measured.median(peer, case, number, lambda cell: cell.rate)
                if rate is None:
                    continue
                values = [
                    measured.median(peer, case, number, value) or 0
                    for value in (lambda c: c.p50, lambda c: c.p99, lambda c: c.cpu)
                ]
                yield [
                    *(case.name, str(number), peer, f"{rate:,.0f}"),
                    *(f"{values[0]:.1f}", f"{values[1]:.1f}", f"{values[2]:.0f}"),
                    f"{median(measured.ratios(peer, case, number)):.2f}",
                ]


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---", "---", *["---:"] * (len(head) - 2)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def circumstances(*others: str) -> str:
    """When, where and with what: this machine's packages, and `others`."""
    cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC. "
        f"{cpu[1] if cpu else platform.machine()}, {os.cpu_count()} cores, "
        f"Linux {platform.release()}. Python {platform.python_version()}, "
        f"{'; '.join((packages, *others))}."
    )


def write(text: str, mark: str = "measured") -> None:
    """Put it into the README between these marks, in place of what was measured before."""
    marked = re.compile(rf"(<!-- {mark} -->\n).*(\n<!-- /{mark} -->)", re.DOTALL)
    readme = README.read_text()
    README.write_text(marked.sub(lambda match: f"{match[1]}{text}{match[2]}", readme))
