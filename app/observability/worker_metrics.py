"""The metrics of several workers in one answer: prometheus_client keeps each one's in files."""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector


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
        for file in Path(self._folder).glob("gauge_live*.db"):
            process = int(file.stem.rpartition("_")[2])
            with suppress(FileNotFoundError):  # somebody else asks at the same time
                try:
                    os.kill(process, 0)
                except ProcessLookupError:
                    mark_process_dead(process, self._folder)
        told: Iterable[Metric] = self._files.collect()
        return told
