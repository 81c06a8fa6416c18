"""What the fault tests share: stores of their own, a limit on time, and the numbers at the end."""

import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

import asyncpg
import pytest

from tests import servers
from tests.certificates import Authority
from tests.faults import wire
from tests.faults.processes import Stores, Tickbox, serving

LIMIT_SECONDS = 180

Serve = Callable[..., Tickbox]
Report = Callable[[str], None]

_REPORTS = pytest.StashKey[list[str]]()


@pytest.fixture(autouse=True)
def limited() -> Iterator[None]:
    """No test hangs, whatever it waits for."""

    def end(_number: int, _frame: FrameType | None) -> None:
        pytest.fail(f"takes longer than {LIMIT_SECONDS} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(LIMIT_SECONDS)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    """Connections end with their test."""
    yield
    await wire.close_all()


@pytest.fixture(scope="session")
def stores() -> Iterator[Stores]:
    # Not below pytest's folder: as root another user has to pass, and pytest closes it again.
    with tempfile.TemporaryDirectory(prefix="tickbox-test-") as folder:
        stores = Stores(Path(folder))
        try:
            yield stores
        finally:
            stores.stop()


@pytest.fixture
def serve(stores: Stores, tmp_path: Path) -> Iterator[Serve]:
    """Start `tickbox serve` on the stores, with these settings, by HTTP or HTTPS."""
    with ExitStack() as stack:

        def start(scheme: str = "http", **settings: str) -> Tickbox:
            context = None
            if scheme == "https":
                authority = Authority()
                settings |= authority.issue(tmp_path).settings
                context = authority.client_context()
            return stack.enter_context(serving(stores, tmp_path, context, **settings))

        yield start


@pytest.fixture
async def database(stores: Stores) -> AsyncIterator[asyncpg.Connection]:
    """The database behind the service, to look what is really there."""
    connection = await servers.connect(stores.database_url)
    yield connection
    await connection.close()


@pytest.fixture
def report(request: pytest.FixtureRequest) -> Report:
    """Say a number in the summary at the end of the run."""
    lines = request.config.stash.setdefault(_REPORTS, [])

    def add(line: str) -> None:
        lines.append(f"{request.node.name}: {line}")

    return add


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    terminalreporter.section("measured")
    for line in config.stash.get(_REPORTS, []):
        terminalreporter.write_line(line)
