"""The metrics of all workers in one answer, whoever of them is asked.

A worker tells its own to whoever connects to its socket, in a folder that only this user may
enter. It does so in a thread, also while the service is stuck. One that does not tell in time is
left out, and `tickbox_worker_up` says so. Every sample has its worker's number as a label: a worker
that is replaced begins at 0 again, which Prometheus understands of a series, not of a sum.
"""

import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingUnixStreamServer

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# Seconds that all workers together get; Prometheus waits for 10.
PATIENCE = 1.0
_CHUNK = 1 << 16


@contextmanager
def tell(registry: CollectorRegistry, path: Path) -> Iterator[None]:
    """Tell what is in the registry to whoever connects there, for the length of the block."""

    class Handler(BaseRequestHandler):
        def handle(self) -> None:
            families = [
                (
                    family.name,
                    family.documentation,
                    family.type,
                    [(sample.name, sample.labels, sample.value) for sample in family.samples],
                )
                for family in registry.collect()
            ]
            with suppress(OSError):  # who asked has gone
                self.request.settimeout(PATIENCE)
                self.request.sendall(orjson.dumps(families))

    path.unlink(missing_ok=True)  # of one that was killed
    with _Server(str(path), Handler) as server:
        thread = threading.Thread(
            target=server.serve_forever, args=(0.1,), name="metrics", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            path.unlink(missing_ok=True)


class _Server(ThreadingUnixStreamServer):
    daemon_threads = True


class Gathered(Collector):
    """What the workers tell at these sockets. `registry` is for prometheus_client's encoders."""

    def __init__(self, sockets: list[Path]) -> None:
        self._sockets = sockets
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """All metric families, as they are now; takes as long as `PATIENCE` at most."""
        up = GaugeMetricFamily(
            "tickbox_worker_up", "1 if the worker's metrics are here.", labels=("worker",)
        )
        families: dict[str, Metric] = {up.name: up}
        for number, told in enumerate(_ask(self._sockets)):
            worker = str(number)
            try:
                theirs = orjson.loads(told)
            except orjson.JSONDecodeError:  # it says nothing, or has died over it
                theirs = None
            up.add_metric((worker,), theirs is not None)
            for name, text, kind, samples in theirs or ():
                family = families.setdefault(name, Metric(name, text, kind))
                for sample, labels, value in samples:
                    family.add_sample(sample, {**labels, "worker": worker}, value)
        yield from families.values()


def _ask(paths: list[Path]) -> list[bytes]:
    """What each of them tells in time."""
    told = [bytearray() for _ in paths]
    deadline = time.monotonic() + PATIENCE
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for path, answer in zip(paths, told, strict=True):
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            connection.setblocking(False)
            with suppress(OSError):  # it is not there, or has not answered so many before
                connection.connect(str(path))
                selector.register(connection, selectors.EVENT_READ, answer)
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                chunk = b""
                with suppress(OSError):  # it has died
                    chunk = key.fileobj.recv(_CHUNK)  # type: ignore[union-attr]  # it is a socket
                key.data.extend(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
    return [bytes(answer) for answer in told]
