"""What a worker is told by the parent that starts it, through a pipe: see `core/workers.py`."""

import os
import pickle
import shutil
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from app.core.config import Settings


@dataclass(frozen=True)
class Task:
    """One worker's part. `number` is its place, 0 and up, and `listener` a descriptor.

    `folder` is private to the workers, which tell each other of themselves there.
    """

    settings: Settings
    listener: int
    folder: Path
    serves_metrics: bool
    number: int = 0

    @property
    def sockets(self) -> list[Path]:
        """Where each worker tells its metrics."""
        return [self.folder / f"{number}.metrics" for number in range(self.settings.workers)]

    @property
    def socket(self) -> Path:
        """Where this one does."""
        return self.sockets[self.number]


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
        shutil.rmtree(task.folder, ignore_errors=True)
        os._exit(1)

    threading.Thread(target=watch, name="parent", daemon=True).start()
    return task
