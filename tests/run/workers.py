"""The workers of a `tickbox serve`, each asked by itself."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import psutil

from tests.run.processes import Tickbox

SECONDS = 60


def until(is_so: Callable[[], bool]) -> None:
    """Wait for it, on what it asks of the service; not for ever."""
    deadline = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < deadline


@contextmanager
def only(worker: psutil.Process, run: Tickbox) -> Iterator[None]:
    """Nobody else takes connections."""
    others = [other for other in run.workers() if other.pid != worker.pid]
    for other in others:
        other.suspend()
    try:
        yield
    finally:
        for other in others:
            other.resume()


@contextmanager
def client_of(worker: psutil.Process, run: Tickbox, address: str) -> Iterator[httpx.Client]:
    """A client whose one connection is with this worker."""
    limits = httpx.Limits(max_connections=1)
    with httpx.Client(base_url=address, limits=limits, timeout=SECONDS) as client:
        with only(worker, run):
            client.get("/livez")
        yield client
