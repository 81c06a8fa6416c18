"""Servers that end with Tickbox, and files that are locked while somebody uses them.

A server runs in a session of its own, so that Ctrl-C reaches Tickbox alone, and beside a shell that
interrupts it when a pipe closes: because Tickbox closes it, or because Tickbox was killed.
"""

import fcntl
import os
import re
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from app.core.settings import StartError

STOP_SECONDS = 30
POLL_SECONDS = 0.01

# PostgreSQL ends in order by SIGINT (a fast shutdown), and so does Valkey. It is sent again and
# again, since what makes the cluster takes no notice of it. The shell ignores what a service
# manager sends to all processes of a service: it has its server to end.
_RUN_WHILE_PIPE_IS_OPEN = """
trap '' INT TERM HUP
exec 3<&0
{ cd /; read -r _ <&3; for _ in $(seq 150); do kill -INT 0; sleep 0.2; done; } >/dev/null 2>&1 &
"$@" </dev/null 3<&-
kill -KILL $! 2>/dev/null
wait
"""

Command = list[str | Path]


def lock(path: Path, stack: ExitStack, seconds: float = 0) -> IO[str] | None:
    """Empty a file that is locked until the stack closes and every process that inherits it ends.

    None if somebody else still has it after so many seconds.
    """
    path.touch(mode=0o600)  # whoever may open a file may lock it
    file = stack.enter_context(path.open("a"))
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                return None
            time.sleep(POLL_SECONDS)
        else:
            file.truncate(0)
            return file


def start(
    command: Command,
    home: Path,
    stack: ExitStack,
    *,
    ready: str,
    **options: Any,
) -> None:
    """Start a server in its folder until the stack closes; returns when its log says it is `ready`.

    The log, beside the folder, is its standard output. It stays locked until the server's last
    process has ended, so that the next start waits for what a killed Tickbox left behind.
    `options` are those of `Popen`. Raises `StartError`, `OSError`.
    """
    log = home.with_suffix(".log")
    output = lock(log, stack, STOP_SECONDS)
    if output is None:
        raise StartError(f"What an earlier Tickbox started still writes to {log}: end it.")
    # What runs is the wheels' own programs.
    process = subprocess.Popen(  # noqa: S603
        ["/bin/sh", "-c", _RUN_WHILE_PIPE_IS_OPEN, "sh", *command],
        cwd=home,
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        **options,
    )
    stack.callback(_stop, process)
    # For as long as it takes to replay the write-ahead log after a power cut.
    while ready not in log.read_text(errors="replace"):
        if process.poll() is not None:
            raise StartError(
                f"The embedded {home.name} does not start: {_reason(log)}; {log} says more."
            )
        time.sleep(POLL_SECONDS)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server in order, or else by force."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _reason(log: Path) -> str:
    """Why a server gave up, in its own words."""
    text = log.read_text(errors="replace")
    lines = re.findall(r"(?:FATAL|PANIC|error): +(.+)", text) or text.split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it gave no reason")
