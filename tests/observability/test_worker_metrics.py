"""The metrics of several processes in one answer, whatever became of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from app.observability.metrics import FOLDER
from app.observability.worker_metrics import of_all_workers
from tests.observability.test_metrics import Samples, read, value

# Counts as many requests as it is told, the last of which goes on; ends at the end of its input.
WORKER = """
import sys
from app.observability.metrics import Metrics
metrics = Metrics()
metrics.watch({}, lambda: sys.argv[2] == "up", [])
for _ in range(int(sys.argv[1])):
    metrics.requests.ended("/v1/todos", "GET", 200, 0.002)
metrics.requests.in_flight = 1
metrics.sample()
print(flush=True)
sys.stdin.read()
"""
OF = {"method": "GET", "route": "/v1/todos"}


class Worker:
    """A process that keeps its metrics in the folder."""

    def __init__(self, folder: Path, requests: int, redis: str = "up") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(requests), redis],
            env={**os.environ, FOLDER: str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == b"\n"

    def end(self, *, killed: bool = False) -> None:
        if killed:
            self.process.kill()
        self.process.communicate(timeout=20)


def told(folder: Path) -> Samples:
    return read(generate_latest(of_all_workers(str(folder))).decode())


def test_one_answer_tells_of_all(tmp_path: Path) -> None:
    workers = [Worker(tmp_path, 2), Worker(tmp_path, 3, redis="away")]
    samples = told(tmp_path)
    for worker in workers:
        worker.end()
    assert value(samples, "http_requests_total", **OF, status="200") == 5
    assert value(samples, "http_request_duration_seconds_count", **OF) == 5
    assert value(samples, "http_request_duration_seconds_bucket", **OF, le="0.001") == 0
    assert value(samples, "http_request_duration_seconds_bucket", **OF, le="0.0025") == 5
    assert value(samples, "http_requests_in_flight") == 2
    assert value(samples, "redis_up") == 0  # one of them has none
    [build] = [count for (name, _), count in samples.items() if name == "tickbox_build_info"]
    assert build == 1


@pytest.mark.parametrize("killed", [True, False])
def test_one_that_has_ended_has_counted_and_does_nothing_any_more(
    tmp_path: Path, killed: bool
) -> None:
    survivor = Worker(tmp_path, 1)
    for number in range(3):
        Worker(tmp_path, 2, redis="away").end(killed=killed)
        for _ in range(2):  # whoever asks next is told the same
            samples = told(tmp_path)
            count = 1 + 2 * (number + 1)
            assert value(samples, "http_requests_total", **OF, status="200") == count
            assert value(samples, "http_request_duration_seconds_count", **OF) == count
            assert value(samples, "http_requests_in_flight") == 1
            assert value(samples, "redis_up") == 1
    survivor.end()


def test_nobody_is_told_of_before_there_is_somebody(tmp_path: Path) -> None:
    assert told(tmp_path) == {}
