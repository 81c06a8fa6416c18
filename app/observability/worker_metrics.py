"""The metrics of all workers in one answer: they keep their values in files of one folder."""

from prometheus_client import CollectorRegistry
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead


def of_all_workers(folder: str) -> CollectorRegistry:
    """What the processes tell that keep their values in this folder."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    return registry


def forget_worker(folder: str, pid: int) -> None:
    """Tell no more of a worker that has ended than what it counted."""
    mark_process_dead(pid, folder)  # type: ignore[no-untyped-call]
