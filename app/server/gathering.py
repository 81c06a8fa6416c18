"""The metrics of all workers in one answer, whoever of them is asked.

Who asks a worker sends it one end of a new pair of sockets, through a pair that the parent made for
its place and handed to all: there is no name to connect to, so that neither the temporary folder
nor another user has a part in it, and who follows a worker that was killed is asked by the same
one. A worker tells in a thread, also while the service is stuck. One that does not tell in time is
left out, and `tickbox_worker_up` says so. Every sample has its worker's number as a label: a worker
that is replaced begins at 0 again, which Prometheus understands of a series, not of a sum.
"""

import logging
import os
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

import orjson
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)

# Seconds that all workers together get; Prometheus waits for 10.
PATIENCE = 1.0
# For room where too many have asked one that is stuck; no system tells of that reliably.
_RETRY_SECONDS = 0.01
_CHUNK = 1 << 16


class Line(NamedTuple):
    """Two descriptors: by the one a worker is asked, by the other it hears that."""

    asking: int
    hearing: int


@contextmanager
def lines(workers: int) -> Iterator[tuple[Line, ...]]:
    """One for each place, for the length of the block; they outlive who is in it."""
    with ExitStack() as stack:
        made = []
        for _ in range(workers):
            # Datagrams: however many ask at once, each is heard by itself.
            ends = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            for end in ends:
                stack.enter_context(end).setblocking(False)
            made.append(Line(*(end.fileno() for end in ends)))
        yield tuple(made)


@contextmanager
def tell(registry: CollectorRegistry, hearing: int) -> Iterator[None]:
    """Tell what is in the registry to whoever asks there, for the length of the block."""
    with (
        socket.socket(fileno=os.dup(hearing)) as heard,
        ExitStack() as stack,
        selectors.DefaultSelector() as selector,
    ):
        stop, stopped = (stack.enter_context(end) for end in socket.socketpair())
        selector.register(heard, selectors.EVENT_READ)
        selector.register(stopped, selectors.EVENT_READ)

        def answer() -> None:
            while not any(key.fileobj is stopped for key, _ in selector.select()):
                with ExitStack() as asked:
                    try:
                        _answer([asked.enter_context(asker) for asker in _askers(heard)], registry)
                    except Exception:
                        # They see it by an answer that is none; others may ask again.
                        logger.exception("the metrics cannot be told")

        thread = threading.Thread(target=answer, name="metrics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.send(b".")
            thread.join()


def _askers(heard: socket.socket) -> Iterator[socket.socket]:
    with suppress(BlockingIOError):  # there is none left
        while True:
            _, descriptors, _, _ = socket.recv_fds(heard, 1, 1)
            for descriptor in descriptors:
                yield socket.socket(fileno=descriptor)


def _answer(askers: list[socket.socket], registry: CollectorRegistry) -> None:
    # All of them asked before it is made.
    told = orjson.dumps(_families(registry)) if askers else b""
    for asker in askers:
        # A thread each: one that does not read holds up nobody else.
        sending = threading.Thread(
            target=_send, args=(asker.dup(), told), name="metrics", daemon=True
        )
        sending.start()


def _families(registry: CollectorRegistry) -> list[tuple[object, ...]]:
    return [
        (
            family.name,
            family.documentation,
            family.type,
            [(sample.name, sample.labels, sample.value) for sample in family.samples],
        )
        for family in registry.collect()
    ]


def _send(asker: socket.socket, told: bytes) -> None:
    with asker, suppress(OSError):  # who asked has gone
        asker.settimeout(PATIENCE)
        asker.sendall(told)


class Gathered(Collector):
    """What the workers tell on these lines. `registry` is for prometheus_client's encoders."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines
        self._begun = self._ended = 0  # times that they were asked
        self._asked = threading.Condition()
        self._told: list[bytes] = []
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """All metric families, as they are now; takes as long as `PATIENCE` at most, or twice.

        Many who ask at once share what is told: one who comes while the workers are being asked
        waits, and has them asked again together with all who came meanwhile.
        """
        up = GaugeMetricFamily(
            "tickbox_worker_up", "1 if the worker's metrics are here.", labels=("worker",)
        )
        families: dict[str, Metric] = {up.name: up}
        for number, told in enumerate(self._shared()):
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

    def _shared(self) -> list[bytes]:
        """What was told after this was called."""
        with self._asked:
            mine = self._begun + 1
            while self._ended < mine and self._begun != self._ended:
                self._asked.wait()
            if self._ended >= mine:
                return self._told
            self._begun += 1
        told = None
        try:
            told = _ask([line.asking for line in self._lines])
            return told
        finally:
            with self._asked:
                if told is None:  # it failed; who waits tries it by itself
                    self._begun -= 1
                else:
                    self._told = told
                    self._ended = self._begun
                self._asked.notify_all()


def _ask(lines: Sequence[int]) -> list[bytes]:
    """What each of them tells in time."""
    told = [bytearray() for _ in lines]
    waiting = {}
    deadline = time.monotonic() + PATIENCE
    with ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for line, answer in zip(lines, told, strict=True):
            asking = stack.enter_context(socket.socket(fileno=os.dup(line)))
            mine, theirs = (stack.enter_context(end) for end in socket.socketpair())
            mine.setblocking(False)
            selector.register(mine, selectors.EVENT_READ, answer)
            waiting[asking] = theirs
        while selector.get_map() and (left := deadline - time.monotonic()) > 0:
            for asking, theirs in list(waiting.items()):
                with suppress(OSError):  # so many have asked it before; how it is said differs
                    socket.send_fds(asking, [b"."], [theirs.fileno()])
                    theirs.close()
                    del waiting[asking]
            for key, _ in selector.select(min(left, _RETRY_SECONDS) if waiting else left):
                chunk = b""
                with suppress(OSError):  # it has died
                    chunk = key.fileobj.recv(_CHUNK)  # type: ignore[union-attr]  # it is a socket
                key.data.extend(chunk)
                if not chunk:
                    selector.unregister(key.fileobj)
    return [bytes(answer) for answer in told]
