"""What a worker is told by the parent that starts it, through a pipe: see `server/workers.py`."""

import os
import pickle
import sys
import threading
from dataclasses import dataclass

from app.core.settings import Settings
from app.server.tls import Pair


@dataclass(frozen=True)
class Task:
    """One worker's part. `number` is its place, 0 and up.

    What it shares with others are descriptors that the parent has: the socket to listen on, and the
    memory of the `Counts` of connections. `pair` is the last one that was good for HTTPS.
    """

    settings: Settings
    listener: int
    counts: int
    serves_metrics: bool
    keeps_sign_in: bool
    number: int = 0
    pair: Pair | None = None

    @property
    def descriptors(self) -> list[int]:
        """What this worker needs to have."""
        return [self.listener, self.counts]


def receive() -> Task:
    """Read from stdin what this worker is to do; from here on it ends at once with its parent.

    That is as a `kill -9` of a Tickbox that serves alone: whoever comes next finds the port free.
    """
    try:
        # The other end of the pipe is the parent's alone.
        task: Task = pickle.load(sys.stdin.buffer)  # noqa: S301
    except EOFError:  # it has died
        raise SystemExit(1) from None

    def watch() -> None:
        # Not by sys.stdin: Python cannot end in order while a thread waits in that.
        while os.read(sys.stdin.fileno(), 1):
            pass  # nothing is said there
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
    return task
