"""The queue between whoever logs and stderr, so that a slow reader of stderr holds up no request.

When stderr takes nothing (a full pipe, a stopped terminal), lines beyond `MAX_LINES` are dropped
and counted, and the count is logged once stderr takes lines again.
"""

import logging
import queue
import threading
from collections.abc import Iterable, Iterator
from logging.handlers import QueueHandler, QueueListener
from select import PIPE_BUF
from typing import Any, TextIO

MAX_LINES = 20_000
# Lines gather for so long and are one write; a process that is killed loses these.
_GATHER_SECONDS = 0.02
_FLUSH_SECONDS = 1.0


class DroppingQueueHandler(QueueHandler):
    """Formats records where they are logged and queues the lines; `dropped` counts those lost."""

    def __init__(self, stream: TextIO) -> None:
        self._items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        super().__init__(self._items)
        self.dropped = 0
        self._listener = _BatchListener(self, self._items, stream)
        self._listener.start()

    def prepare(self, record: logging.LogRecord) -> str:
        """The record as a line."""
        try:
            return self.format(record)
        except Exception:  # noqa: BLE001 - logging's own way would print the record as it is
            return '{"level": "error", "event": "a line could not be formatted"}'

    def enqueue(self, record: Any) -> None:
        """Queue a line."""
        if self._items.qsize() < MAX_LINES:
            self._items.put(record)
        else:
            self.dropped += 1

    # What structlog calls on a logger that it wraps.
    debug = info = warning = error = critical = enqueue

    def flush(self) -> None:
        """Wait until all lines so far are written, for a second at most."""
        self.wait_until_written(_FLUSH_SECONDS)

    def wait_until_written(self, timeout: float) -> bool:
        """Whether all lines so far are written in time."""
        written = threading.Event()
        self._items.put(written)
        self._listener.hurry.set()
        return written.wait(timeout)

    def close(self) -> None:
        """End the thread, but do not wait for it: stderr may be stuck."""
        self._listener.enqueue_sentinel()
        super().close()


class _BatchListener(QueueListener):
    """Writes all lines that wait as one, so that a request wakes no thread of its own."""

    def __init__(
        self, handler: DroppingQueueHandler, items: "queue.SimpleQueue[Any]", stream: TextIO
    ) -> None:
        super().__init__(items)
        self._items = items
        self._handler = handler
        self._stream = stream
        self._reported = 0
        self.hurry = threading.Event()

    def handle(self, record: Any) -> None:
        """Write this line and those that gather behind it."""
        self.hurry.wait(_GATHER_SECONDS)
        self.hurry.clear()
        items = [record, *(self._items.get() for _ in range(self._items.qsize()))]
        lines = [item for item in items if isinstance(item, str)]
        lost = self._handler.dropped - self._reported
        if lost:
            lines.append(self._handler.prepare(_report(lost)))
            self._reported += lost
        for piece in _pieces(lines):
            try:
                self._stream.write(piece)
                self._stream.flush()
            except (OSError, ValueError):  # nobody is there to read, or it was closed
                self._handler.dropped += piece.count("\n")
        for item in items:
            if isinstance(item, threading.Event):
                item.set()
        if None in items:
            self.enqueue_sentinel()


def _report(lost: int) -> logging.LogRecord:
    message = "lines were dropped since nobody read them: %d"
    return logging.LogRecord(__name__, logging.WARNING, "", 0, message, (lost,), None)


def _pieces(lines: Iterable[str]) -> Iterator[str]:
    """Whole lines, as many as a pipe takes at once: other processes may write to it too."""
    piece = ""
    for line in lines:
        if piece and len(piece) + len(line) >= PIPE_BUF:
            yield piece
            piece = ""
        piece += f"{line}\n"
    if piece:
        yield piece
