"""Processes: the stores, and each peer in one of its own, on the core that is the app's alone."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from redis import Redis
from sqlalchemy import text

from app.core.settings import Settings
from app.database import migrations
from app.database.statement import Statement
from app.database.unit_of_work import Database
from app.embedded.stores import embedded
from benchmarks.cases import Case, Sender

ROOT = Path(__file__).parents[1]
START_SECONDS = 60
STOP_SECONDS = 10
_READY = re.compile(r"is ready: (http://[^/]+)/")
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchmarkError(RuntimeError):
    """Nothing can be measured; the text is one sentence for whoever started it."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A process to compare: how it starts, and which path answers each case that it takes.

    Two peers of one name are one row of the table: a case is answered by the process whose
    settings suit it.
    """

    name: str
    arguments: tuple[str, ...]  # of Python
    environment: Mapping[str, str]
    tokens: Mapping[Sender, str]
    paths: Mapping[Case, str]


@dataclass(frozen=True, slots=True)
class Server:
    """A peer that runs."""

    peer: Peer
    pid: int
    url: str
    log: Path

    def last_words(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-2000:]

    def cpu_seconds(self) -> float:
        """User and system time of all of its threads, so far."""
        stat = Path(f"/proc/{self.pid}/stat").read_text()
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


@cache
def cores() -> tuple[int, set[int]]:
    """The app's core, and those of everything else, as they are at the start."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        raise BenchmarkError("The benchmark needs two cores: one is the app's alone.")
    return available[-1], set(available[:-1])


@contextmanager
def stores(folder: Path) -> Iterator[Settings]:
    """PostgreSQL, migrated and durable as in production, and Redis; both off the app's core."""
    for name in [name for name in os.environ if name.startswith("TICKBOX_")]:
        del os.environ[name]
    os.sched_setaffinity(0, cores()[1])
    with embedded(Settings(data_dir=folder)) as settings:
        assert settings.database_url is not None
        migrations.upgrade(settings.database_url.get_secret_value())
        yield settings


def environment(settings: Settings) -> dict[str, str]:
    """What tells a process of Tickbox's of the stores and the keys."""
    names = ("database_url", "redis_url", "secret_key", "signing_keys")
    given = {f"TICKBOX_{n.upper()}": getattr(settings, n).get_secret_value() for n in names}
    # The limits count as ever, but let through what no user would send.
    limits = dict.fromkeys(("TICKBOX_LIMIT_USER_PER_SECOND", "TICKBOX_LIMIT_USER_BURST"), "1000000")
    return {**given, **limits, "TICKBOX_PORT": "0"}


def uncached(settings: Settings) -> dict[str, str]:
    """The same, without what would answer in the database's place."""
    return {**environment(settings), "TICKBOX_CACHE_SECONDS": "0"}


def tickbox(settings: Settings) -> Peer:
    """`tickbox serve` by itself, compared with nothing, and without the cache."""
    return Peer("Tickbox", ("-m", "app.cli", "serve"), uncached(settings), {}, {})


async def versions(settings: Settings) -> str:
    """Of the stores."""
    database = Database(settings)
    postgres = await database.primary.fetch_value(Statement(text("SHOW server_version")))
    await database.close()
    assert settings.redis_url is not None
    with Redis.from_url(settings.redis_url.get_secret_value()) as redis:
        valkey: Any = redis.info("server")
    return f"PostgreSQL {postgres}, Valkey {valkey['valkey_version']}"


@contextmanager
def started(peers: Sequence[Peer], folder: Path) -> Iterator[list[Server]]:
    """Start the peers on the app's core; they end with the block."""
    with ExitStack() as stack:
        starting = []
        with _on({cores()[0]}):
            for number, peer in enumerate(peers):
                log = folder / f"peer-{number}.log"
                starting.append((peer, stack.enter_context(_process(peer, log)), log))
        yield [
            Server(peer, process.pid, _url(peer, process, log), log)
            for peer, process, log in starting
        ]


@contextmanager
def _process(peer: Peer, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    # Into a file, as a service's log goes: a pipe that nobody reads would stop it.
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *peer.arguments],
            cwd=ROOT,
            env={**os.environ, **peer.environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _url(peer: Peer, process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        ready = _READY.search(log.read_text(errors="replace"))
        if ready is not None:
            return ready[1]
        time.sleep(0.05)
    raise BenchmarkError(f"{peer.name} did not start:\n{log.read_text(errors='replace')[-2000:]}")


@contextmanager
def _on(some: Collection[int]) -> Iterator[None]:
    """What is started in the block runs on these cores."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, some)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
