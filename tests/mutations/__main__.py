"""A sample of mutations, each held against the tests of its room: `make mutate`.

A test suite is as good as what it notices. Cosmic Ray makes each mutation (another comparison, a
condition negated, a number changed) in a copy of the checkout. One that all tests pass with has
survived: it wants a test, or a reason why it changes nothing. The sample is drawn by `--seed`, a
place at a time, as many in each room as the room has places to mutate.
"""

import argparse
import ast
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from queue import Queue

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from tests.mutations.rooms import ROOMS, ROOT

# Seconds. What takes longer hangs, and is noticed.
_TIMEOUT = 900
_AT_ONCE = 2
_PYTEST = ("-m", "pytest", "-n", "0", "-x", "-p", "no:cacheprovider")
_IGNORED = shutil.ignore_patterns("node_modules", "__pycache__")
_COPIED = ("app", "migrations", "tests", "docs", "deploy", ".github", "requirements")


@dataclass(frozen=True)
class Mutation:
    """One change of one place."""

    room: str
    module: Path
    place: tuple[int, int]
    operator: str
    occurrence: int

    def code(self) -> str:
        """The module with it."""
        before = (ROOT / self.module).read_text()
        operator = get_operator(self.operator)()
        return str(mutate_code(before, operator, self.occurrence))

    def diff(self) -> str:
        """What it changes."""
        before = (ROOT / self.module).read_text().splitlines()
        lines = unified_diff(before, self.code().splitlines(), lineterm="", n=0)
        return "\n".join(line for line in lines if line[:1] in "+-" and line[:3] not in "+++---")


def mutations(room: str, module: Path) -> Iterator[Mutation]:
    """All of one file, but those of its types, which change nothing that runs."""
    code = (ROOT / module).read_text()
    types = list(_types(ast.parse(code)))
    tree = get_ast(code)
    for name in operator_names():
        operator = get_operator(name)
        if operator.arguments():
            continue
        positions = (at for node in ast_nodes(tree) for at in operator().mutation_positions(node))
        for occurrence, (start, _) in enumerate(positions):
            if not any(first <= start < last for first, last in types):
                yield Mutation(room, module, start, name, occurrence)


def _types(tree: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            part = getattr(node, name, None)
            if part is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)


def sample(rooms: list[str], count: int, seed: int) -> list[Mutation]:
    """So many, each of another place."""
    places: dict[tuple[Path, tuple[int, int]], list[Mutation]] = {}
    for room in rooms:
        for module in ROOMS[room].modules():
            for mutation in mutations(room, module):
                places.setdefault((module, mutation.place), []).append(mutation)
    draw = random.Random(seed)
    drawn = draw.sample(sorted(places), min(count, len(places)))
    return [draw.choice(places[place]) for place in drawn]


def noticed_by(mutation: Mutation, copy: Path) -> str | None:
    """The first test of its room that fails with it."""
    module = copy / mutation.module
    module.write_text(mutation.code())
    try:
        return _failure(mutation.room, copy)
    finally:
        shutil.copy(ROOT / mutation.module, module)


def _failure(room: str, copy: Path) -> str | None:
    try:
        done = subprocess.run(
            [str(ROOT / ".venv/bin/python"), *_PYTEST, *ROOMS[room].tests],
            cwd=copy,
            timeout=_TIMEOUT,
            capture_output=True,
            check=False,
            text=True,
        )
    except subprocess.TimeoutExpired:
        return f"what took longer than {_TIMEOUT} s"
    if not done.returncode:
        return None
    failed = re.search(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", done.stdout, re.MULTILINE)
    return failed[1] if failed else "the start"


def main() -> int:
    """Draw a sample, and tell what noticed each; 1 where the tests fail as the code is."""
    parser = argparse.ArgumentParser(prog="make mutate", description=__doc__)
    parser.add_argument("--sample", type=int, default=100, help="how many (100)")
    parser.add_argument("--seed", type=int, default=1, help="which ones (1)")
    parser.add_argument("--room", action="append", choices=ROOMS, help="only of this one")
    given = parser.parse_args()
    drawn = sample(given.room or list(ROOMS), given.sample, given.seed)
    noticed = 0
    with tempfile.TemporaryDirectory(prefix="tickbox-mutations-") as folder:
        copies: Queue[Path] = Queue()
        for number in range(_AT_ONCE):
            copy = Path(folder) / str(number)
            for name in _COPIED:
                shutil.copytree(ROOT / name, copy / name, ignore=_IGNORED)
            for path in ROOT.iterdir():
                if path.is_file():
                    shutil.copy(path, copy)
            copies.put(copy)

        for room in sorted({mutation.room for mutation in drawn}):
            if failure := _failure(room, Path(folder) / "0"):
                print(f"The tests of {room} fail as the code is: {failure}.")
                return 1

        def attempt(mutation: Mutation) -> str | None:
            copy = copies.get()
            try:
                return noticed_by(mutation, copy)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for mutation, test in zip(drawn, pool.map(attempt, drawn), strict=True):
                noticed += test is not None
                where = f"{mutation.module}:{mutation.place[0]}:"
                print(where, f"noticed by {test}" if test else "survived", flush=True)
                if not test:
                    print(mutation.diff(), flush=True)
    print(f"{noticed} of {len(drawn)} were noticed ({100 * noticed // len(drawn)} %).")
    return 0


if __name__ == "__main__":
    sys.exit(main())
