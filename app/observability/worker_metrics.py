"""The metrics of several workers in one answer: each keeps its values in files of one folder.

A worker takes a slot, and goes on with the files of an earlier worker that had it, since to
Prometheus a sum that falls is a restart. So there are only as many files as there were workers at
once.
"""

import fcntl
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

from prometheus_client import CollectorRegistry, Metric, values
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

# The lock of this process's slot, which is free again when the process has ended, however it did.
_slot: IO[bytes] | None = None


def share_values(folder: str) -> None:
    """Keep the values of this process's metrics in files of the folder, from the first one on."""
    global _slot  # noqa: PLW0603 - it is kept for as long as the process lives
    number = -1
    while _slot is None:
        number += 1
        _slot = _taken(Path(folder, f"{number}.slot"))
    mark_process_dead(number, folder)
    # Its own names files after process ids. Not in its documentation: hence the upper bound in
    # pyproject.toml.
    values.ValueClass = values.MultiProcessValue(lambda: number)


def of_all_workers(folder: str) -> CollectorRegistry:
    """What the processes tell that keep their values in this folder."""
    registry = CollectorRegistry()
    registry.register(_Workers(folder))
    return registry


class _Workers(Collector):
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files = MultiProcessCollector(None, folder)

    def collect(self) -> Iterable[Metric]:
        # Of workers that have ended, only what they counted.
        for slot in Path(self._folder).glob("*.slot"):
            lock = _taken(slot)
            if lock is not None:
                mark_process_dead(slot.stem, self._folder)
                lock.close()
        told: Iterable[Metric] = self._files.collect()
        return told


def _taken(slot: Path) -> IO[bytes] | None:
    """The lock of a slot, until it is closed; None if a process has it."""
    file = slot.open("ab")
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return file
    file.close()
    return None
