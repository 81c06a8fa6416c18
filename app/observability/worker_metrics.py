"""The metrics of all workers in one answer: they keep their values in files of one folder.

Of those that have ended, what they counted is kept, since a sum that falls is a restart to
Prometheus; but in one pair of files, however many there were. Their gauges are told no more.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

_ENDED = "ended"


def of_all_workers(folder: str) -> CollectorRegistry:
    """What the processes tell that keep their values in this folder."""
    registry = CollectorRegistry()
    registry.register(_Workers(folder))
    return registry


def forget_worker(folder: str, pid: int) -> None:
    """Tell of a worker that has ended only what it counted."""
    with _locked(folder, fcntl.LOCK_EX):
        mark_process_dead(pid, folder)
        for kind in ("counter", "histogram"):
            path = Path(folder, f"{kind}_{pid}.db")
            if not path.exists():  # another process was first
                continue
            kept = MmapedDict(str(path.with_stem(f"{kind}_{_ENDED}")))
            for key, value, _, _ in MmapedDict.read_all_values_from_file(path):
                kept.write_value(key, kept.read_value(key)[0] + value, 0.0)
            kept.close()
            path.unlink()


class _Workers(Collector):
    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files = MultiProcessCollector(None, folder)

    def collect(self) -> Iterable[Metric]:
        # Whoever is killed says nothing.
        pids = {path.stem.rpartition("_")[2] for path in Path(self._folder).glob("*.db")}
        for pid in map(int, pids - {_ENDED}):
            if not _is_running(pid):
                forget_worker(self._folder, pid)
        with _locked(self._folder, fcntl.LOCK_SH):
            told: Iterable[Metric] = self._files.collect()
            return told


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:  # or somebody else's has the number now
        return False
    return True


@contextmanager
def _locked(folder: str, how: int) -> Iterator[None]:
    """Between processes, and between threads too, as each opens the folder for itself."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        os.close(descriptor)
