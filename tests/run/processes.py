"""`tickbox serve` as its users meet it: a process, its output, its exit code."""

import os
import re
import select
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.served import START_SECONDS

READY = re.compile(r"Tickbox is ready: (https?://127\.0\.0\.1:\d+)/docs\n")
PASSWORD = "geheim-4711"
NO_SERVERS = {
    "TICKBOX_DATABASE_URL": f"postgresql+asyncpg://tickbox:{PASSWORD}@127.0.0.1:1/tickbox",
    "TICKBOX_REDIS_URL": f"redis://:{PASSWORD}@127.0.0.1:1",
}


class Tickbox:
    """One run of the command."""

    def __init__(self, data_dir: Path, **environment: str) -> None:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("TICKBOX_")}
        defaults = {"TICKBOX_DATA_DIR": str(data_dir), "TICKBOX_PORT": "0"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "serve"],
            env=clean | defaults | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a terminal of its own, so to say
        )

    def wait_until_ready(self) -> str:
        """The address, as printed."""
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], START_SECONDS)
        line = self.process.stdout.readline() if readable else ""
        match = READY.fullmatch(line)
        if match is None:
            self.process.kill()
            pytest.fail(f"{line!r}: {self.process.communicate()[1]}")
        return match[1]

    def workers(self) -> list[psutil.Process]:
        """The processes that serve, if there are several."""
        workers = []
        for child in psutil.Process(self.process.pid).children():
            with suppress(psutil.NoSuchProcess):  # nor one that has just died
                if is_worker(child):
                    workers.append(child)
        return workers

    def press_ctrl_c(self) -> None:
        """A terminal sends it to all processes of its session that did not leave it."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """The exit code, and what it said on stderr."""
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


def is_worker(process: psutil.Process) -> bool:
    """Whether Python's `multiprocessing` has started it, to serve."""
    return "--multiprocessing-fork" in process.cmdline()


def still_there(processes: list[psutil.Process]) -> list[psutil.Process]:
    def is_there(process: psutil.Process) -> bool:
        try:
            return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return False

    return [process for process in processes if is_there(process)]


def assert_refused(run: Tickbox, reason: str) -> None:
    code, errors = run.end()
    assert code == 1
    assert re.fullmatch(rf"tickbox: [^\n]*{reason}[^\n]*\.\n", errors), errors
    assert PASSWORD not in errors
    assert "Traceback" not in errors
