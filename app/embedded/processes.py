"""Servers that end with Tickbox, and files that are locked while somebody uses them.

A server runs in a session of its own, so that Ctrl-C reaches Tickbox alone, and beside a shell that
interrupts it when a pipe closes: because Tickbox closes it, or because Tickbox was killed.
"""

import fcntl
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from app.core.settings import StartError

POLL_SECONDS = 0.01

# PostgreSQL ends in order by SIGINT (a fast shutdown), and so does Valkey. It is sent again and
# again, since what makes the cluster takes no notice of it; after 30 s they are killed. The shell
# ignores what a service manager sends to all processes of a service: it has its server to end.
_RUN_WHILE_PIPE_IS_OPEN = """
trap '' INT TERM HUP
exec 3<&0
{
    cd /
    read -r _ <&3
    for _ in $(seq 150); do kill -INT 0; sleep 0.2; done
    kill -KILL 0
} >/dev/null 2>&1 &
"$@" </dev/null 3<&-
kill -KILL $! 2>/dev/null
wait
"""

Command = list[str | Path]


def lock(path: Path, stack: ExitStack, *, waits: bool = False) -> IO[str] | None:
    """Empty a file that is locked until the stack closes and every process that inherits it ends.

    While somebody else has it this `waits`, or gives None.
    """
    path.touch(mode=0o600)  # whoever may open a file may lock it
    file = stack.enter_context(path.open("a"))
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if waits else fcntl.LOCK_NB))
    except BlockingIOError:
        return None
    file.truncate(0)
    return file


def start(command: Command, home: Path, stack: ExitStack, *, ready: str, **options: Any) -> None:
    """Start a server in its folder until the stack closes; returns when its log says it is `ready`.

    The log, beside the folder, is its standard output. It stays locked until the server's last
    process has ended, so that the next start waits for what a killed Tickbox left behind.
    `options` are those of `Popen`. Raises `StartError`, `OSError`.
    """
    log = home.with_suffix(".log")
    # What runs is the wheels' own programs. Leaving the stack closes the pipe, and waits.
    process = stack.enter_context(
        subprocess.Popen(  # noqa: S603
            ["/bin/sh", "-c", _RUN_WHILE_PIPE_IS_OPEN, "sh", *command],
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=lock(log, stack, waits=True),
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )
    )
    # For as long as it takes to replay the write-ahead log after a power cut.
    while ready not in log.read_text(errors="replace"):
        if process.poll() is not None:
            raise StartError(f"The embedded {home.name} does not start: {log} says why.")
        time.sleep(POLL_SECONDS)
