"""Real processes: `tickbox serve`, and stores that can be killed, frozen and started again."""

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from app.embedded import stores
from app.embedded.keys import new_secret_key, new_signing_key
from tests.faults.wire import Address
from tests.run.processes import is_worker

ROOT = Path(__file__).parents[2]
START_SECONDS = 60
STOP_SECONDS = 40
# A few people send here what thousands would.
_UNLIMITED = {
    f"TICKBOX_LIMIT_{whose}": "1000000"
    for whose in (
        "USER_PER_SECOND",
        "USER_BURST",
        "ADDRESS_PER_SECOND",
        "ADDRESS_BURST",
        "SIGN_UPS_PER_MINUTE",
        "SIGN_INS_PER_MINUTE",
    )
}
_READY = re.compile(r"Tickbox is ready: https?://(127\.0\.0\.1):(\d+)/docs\n")


class Store:
    """PostgreSQL or Valkey: the same data and the same URL, each time that it starts."""

    def __init__(self, home: Path) -> None:
        home.mkdir(mode=0o700)
        self.home = home
        self._stack = ExitStack()

    def start(self) -> str:
        """Start it, wait until it accepts connections, and give its URL."""
        raise NotImplementedError

    def processes(self) -> list[psutil.Process]:
        """Its leader first, then the children that are there now."""
        leader = psutil.Process(self._leader())
        return [leader, *leader.children(recursive=True)]

    def kill(self, *, children_too: bool = True) -> None:
        """`kill -9`, and wait until all of it is gone: the children go when their leader has."""
        all_of_it = self.processes()
        for process in all_of_it if children_too else all_of_it[:1]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self._stack.close()  # buries the leader
        deadline = time.monotonic() + STOP_SECONDS
        while any(map(_is_there, all_of_it)):
            assert time.monotonic() < deadline, "they outlive their leader"
            time.sleep(0.01)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Connections stay open, and nobody answers on them."""
        leader = self.processes()[0]
        leader.suspend()
        try:
            yield
        finally:
            leader.resume()

    def stop(self) -> None:
        self._stack.close()

    def _leader(self) -> int:
        raise NotImplementedError


def _is_there(process: psutil.Process) -> bool:
    try:
        # Whether and when the machine's first process buries it is of no interest here.
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Postgres(Store):
    """Durable, as in production."""

    def start(self) -> str:
        stores.start_postgres(self.home, self.home, self._stack)
        return stores.POSTGRES_URL.format(self.home)

    def serving_process(self) -> psutil.Process:
        """One that serves a connection of Tickbox's."""
        _, *children = self.processes()
        return next(child for child in children if " tickbox " in child.cmdline()[0])

    def _leader(self) -> int:
        return int((self.home / "data" / "postmaster.pid").read_text().split()[0])


class Valkey(Store):
    def start(self) -> str:
        stores.start_valkey(self.home, self.home, self._stack)
        return stores.VALKEY_URL.format(self.home)

    def _leader(self) -> int:
        children = psutil.Process().children(recursive=True)
        return next(
            child.pid
            for child in children
            if child.name() == "valkey-server" and child.cwd() == str(self.home)
        )


class Stores:
    """Both, and what tells a process of Tickbox's of them."""

    def __init__(self, folder: Path) -> None:
        self.postgres = Postgres(folder / "postgres")
        self.valkey = Valkey(folder / "valkey")
        self.database_url = self.postgres.start()
        self.environment = {
            "TICKBOX_DATABASE_URL": self.database_url,
            "TICKBOX_REDIS_URL": self.valkey.start(),
            "TICKBOX_SECRET_KEY": new_secret_key(),
            "TICKBOX_SIGNING_KEYS": new_signing_key(),
            "TICKBOX_PORT": "0",
        }

    def stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()


class Tickbox:
    """One run of `tickbox serve`."""

    def __init__(
        self, process: subprocess.Popen[bytes], log: Path, context: ssl.SSLContext | None
    ) -> None:
        self.process = process
        self.log = log
        self._context = context
        self.address = self._wait_until_ready()

    def terminate(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def serving(self) -> list[psutil.Process]:
        """The processes that take connections: its workers, or itself."""
        itself = psutil.Process(self.process.pid)
        return [child for child in itself.children() if is_worker(child)] or [itself]

    def resident_bytes(self) -> int:
        size: int = psutil.Process(self.process.pid).memory_info().rss
        return size

    def client_ports(self) -> set[int]:
        """Those of the clients whose connections the kernel holds for it."""
        ends: list[tuple[Any, Any]] = [(c.laddr, c.raddr) for c in psutil.net_connections("tcp4")]
        return {theirs.port for ours, theirs in ends if theirs and ours.port == self.address[1]}

    def last_words(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def _wait_until_ready(self) -> Address:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self.process.poll() is None:
            ready = _READY.search(self.log.read_text(errors="replace"))
            if ready is not None:
                return Address(ready[1], int(ready[2]), self._context)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.02)
        raise AssertionError(f"it did not start: {self.last_words()}")


@contextmanager
def serving(
    stores: Stores, folder: Path, context: ssl.SSLContext | None = None, **settings: str
) -> Iterator[Tickbox]:
    """Serve for the length of the block; what is still there at its end is ended.

    By HTTPS, its clients need a `context`.
    """
    environment = {k: v for k, v in os.environ.items() if not k.startswith("TICKBOX_")}
    environment |= stores.environment
    environment |= _UNLIMITED
    environment |= {f"TICKBOX_{name.upper()}": value for name, value in settings.items()}
    log = folder / f"tickbox-{len(list(folder.iterdir()))}.log"
    # Into a file, as a service's log goes: a pipe that nobody reads would stop it.
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Tickbox(process, log, context)
        finally:
            process.kill()
