"""The targets: what each case may cost, over the floor and over the version before."""

from collections.abc import Iterator, Sequence
from statistics import median
from typing import NamedTuple

from benchmarks.cases import CASES, HELLO, Case
from benchmarks.table import BEFORE, FLOOR, TICKBOX, USUAL, Measured, markdown

MOST_OF_USUAL = 1.2  # of what the usual way's /livez costs
MOST_OF_BEFORE = 1.1  # of what the version before costs
# Where the version before misses a target by so many times, so much of its cost is enough.
FAR_OFF = 1.3
MOST_OF_FAR_OFF = 0.85
MOST_IDLE_CPU = 0.3  # percent of a core
MOST_MEMORY = 120  # MB


class Resting(NamedTuple):
    """What Tickbox takes when nobody asks: percent of a core, bytes."""

    cpu: float
    memory: int


class Verdict(NamedTuple):
    """A target, and whether it is met."""

    what: str
    target: str
    measured: str
    is_met: bool


def verdicts(measured: Measured, resting: Resting) -> list[Verdict]:
    """All of them. Costs are medians of the rounds, with the fewest connections."""
    memory = resting.memory / 1e6
    return [
        *(verdict for case in CASES for verdict in _of(case, measured)),
        _most("idle, CPU in % of a core", resting.cpu, MOST_IDLE_CPU),
        _most("memory, MB", memory, MOST_MEMORY),
    ]


def _of(case: Case, measured: Measured) -> Iterator[Verdict]:
    def cost(of: str, over: str) -> float:
        return median(measured.ratios(of, case, measured.connections[0], over))

    if case is HELLO:
        yield _most(f"{case.name} / {USUAL}", cost(TICKBOX, USUAL), MOST_OF_USUAL)
    if case.target is None:
        return
    own = cost(TICKBOX, FLOOR)
    has_before = bool(measured.ratios(BEFORE, case, measured.connections[0]))
    if has_before and own > case.target and cost(BEFORE, FLOOR) >= FAR_OFF * case.target:
        what = f"{case.name} / {BEFORE}, which is at {cost(BEFORE, FLOOR):.2f}"
        yield _most(what, cost(TICKBOX, BEFORE), MOST_OF_FAR_OFF)
        return
    yield _most(f"{case.name} / {FLOOR}", own, case.target)
    if has_before:
        yield _most(f"{case.name} / {BEFORE}", cost(TICKBOX, BEFORE), MOST_OF_BEFORE)


def _most(what: str, value: float, most: float) -> Verdict:
    return Verdict(what, f"≤ {most}", f"{value:.2f}", value <= most)


def as_table(found: Sequence[Verdict]) -> str:
    """As Markdown."""
    rows = [[v.what, v.target, v.measured, "yes" if v.is_met else "NO"] for v in found]
    return markdown(["what", "target", "measured", "met"], rows)
