"""Processes: the stores, and each peer in one of its own, on the core that is the app's alone."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import make_url

from app.core.settings import Settings
from app.database import migrations
from app.embedded.stores import embedded
from benchmarks.cases import Case, Sender
from benchmarks.fill import connected
from benchmarks.people import Person

ROOT = Path(__file__).parents[1]
START_SECONDS = 60
STOP_SECONDS = 10
SERVE = ("-m", "app.cli", "serve")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


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
    paths: Mapping[Case, str]
    people: dict[Sender, Person] = field(default_factory=dict)
    checkout: Path = ROOT

    @property
    def python(self) -> str:
        """The one that has what the checkout needs."""
        return sys.executable if self.checkout == ROOT else str(python_of(self.checkout))


def python_of(checkout: Path) -> Path:
    """That of another checkout."""
    return checkout / ".venv" / "bin" / "python"


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
        """User and system time so far, of all threads and of the processes that it started."""
        return sum(int(stat[11]) + int(stat[12]) for stat in self._stats()) / _TICKS

    def memory(self) -> int:
        """Bytes that the largest of its processes has in memory, which is the one that serves."""
        return max(int(stat[21]) for stat in self._stats()) * _PAGE_BYTES

    def _stats(self) -> list[list[str]]:
        """What the kernel knows of its processes, from their state on: they share a session."""
        stats = []
        for file in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = file.read_text().rpartition(")")[2].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields[3]) == self.pid:
                stats.append(fields)
        return stats


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
    return {**given, **limits}


def uncached(settings: Settings) -> dict[str, str]:
    """The same, without what would answer in the database's place."""
    return {**environment(settings), "TICKBOX_CACHE_SECONDS": "0"}


def tickbox(settings: Settings) -> Peer:
    """`tickbox serve` by itself, compared with nothing, and without the cache."""
    return Peer("Tickbox", SERVE, uncached(settings), {})


async def beside(settings: Settings, name: str) -> Settings:
    """An empty database on the same server, and another one of the same Redis."""
    assert settings.database_url is not None
    assert settings.redis_url is not None
    async with connected(settings) as database:
        await database.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    url = make_url(settings.database_url.get_secret_value()).set(database=name)
    urls = {
        "database_url": SecretStr(url.render_as_string(hide_password=False)),
        "redis_url": SecretStr(f"{settings.redis_url.get_secret_value()}?db=1"),
    }
    return settings.model_copy(update=urls)


async def versions(settings: Settings) -> str:
    """Of the stores."""
    async with connected(settings) as database:
        postgres = await database.fetchval("SHOW server_version")
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
            for peer in peers:
                port = _free_port()
                log = folder / f"peer-{port}.log"
                starting.append((peer, stack.enter_context(_process(peer, port, log)), port, log))
        yield [
            Server(peer, process.pid, _url(peer, process, port, log), log)
            for peer, process, port, log in starting
        ]


def idle_cpu(servers: Sequence[Server], seconds: int) -> list[float]:
    """The share of a core that each takes while nobody asks anything, in percent."""
    before = [server.cpu_seconds() for server in servers]
    time.sleep(seconds)
    taken = [server.cpu_seconds() for server in servers]
    return [(b - a) * 100 / seconds for a, b in zip(before, taken, strict=True)]


@contextmanager
def _process(peer: Peer, port: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    # Into a file, as a service's log goes: a pipe that nobody reads would stop it.
    with log.open("wb") as output:
        process = subprocess.Popen(
            [peer.python, *peer.arguments],
            cwd=peer.checkout,
            env={**os.environ, **peer.environment, "TICKBOX_PORT": str(port)},
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


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _url(peer: Peer, process: subprocess.Popen[bytes], port: int, log: Path) -> str:
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{url}/livez").raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.05)
        else:
            return url
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
