"""What the tests of runs share: a folder, and runs of the command in it."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.run.processes import Tickbox

Start = Callable[..., Tickbox]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start `tickbox serve` in a data folder; what is still there after the test is killed."""
    runs: list[Tickbox] = []

    def start(data_dir: Path, **environment: str) -> Tickbox:
        run = Tickbox(data_dir, **environment)
        runs.append(run)
        return run

    yield start
    for run in runs:
        run.process.kill()
        run.process.communicate()


@pytest.fixture(scope="session")
def data_dir() -> Iterator[Path]:
    """A data folder for one run after the other: the first one makes its cluster, for all."""
    with tempfile.TemporaryDirectory(prefix="tickbox-test-") as folder:
        yield Path(folder) / "data"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    # Not below pytest's folder: as root another user has to pass, and pytest closes it again.
    with tempfile.TemporaryDirectory(prefix="tickbox-test-") as folder:
        yield Path(folder)
