"""The queue between whoever logs and stderr, so that a slow reader of stderr holds up no request.

When stderr takes nothing (a full pipe, a stopped terminal), lines beyond `MAX_LINES` are dropped
and counted.
"""

import queue
import threading
import time
from collections.abc import Iterable, Iterator
from logging import LogRecord
from logging.handlers import QueueHandler, QueueListener
from select import PIPE_BUF
from typing import Any, TextIO

MAX_LINES = 20_000
# Lines gather for so long and are one write; a process that is killed loses these.
_GATHER_SECONDS = 0.02


class DroppingQueueHandler(QueueHandler):
    """Formats records where they are logged and queues the lines; `dropped` counts those lost."""

    def __init__(self, stream: TextIO) -> None:
        self.items: queue.SimpleQueue[Any] = queue.SimpleQueue()
        super().__init__(self.items)
        self.dropped = 0
        self._is_open = True
        self._listener = _BatchListener(self, stream)
        self._listener.start()

    def prepare(self, record: LogRecord) -> str:
        """The record as a line."""
        try:
            return self.format(record)
        except Exception:  # noqa: BLE001 - logging's own way would print the record as it is
            return '{"level": "error", "event": "a line could not be formatted"}'

    def enqueue(self, record: Any) -> None:
        """Queue a line."""
        if self.items.qsize() < MAX_LINES:
            self.items.put(record)
        else:
            self.dropped += 1

    # What structlog calls on a logger that it wraps.
    debug = info = warning = error = critical = enqueue

    def flush(self, seconds: float = 1.0) -> None:
        """Wait until all lines so far are written, but not for longer."""
        if not self._is_open:
            return
        written = threading.Event()
        self.items.put(written)
        written.wait(seconds)

    def close(self) -> None:
        """End the thread, but do not wait for it: stderr may be stuck."""
        self._is_open = False
        self._listener.enqueue_sentinel()
        super().close()


class _BatchListener(QueueListener):
    """Writes all lines that wait as one, so that a request wakes no thread of its own."""

    def __init__(self, handler: DroppingQueueHandler, stream: TextIO) -> None:
        super().__init__(handler.items)
        self._handler = handler
        self._stream = stream

    def handle(self, record: Any) -> None:
        """Write this line and those that gather behind it."""
        time.sleep(_GATHER_SECONDS)
        waiting = self._handler.items
        items = [record, *(waiting.get() for _ in range(waiting.qsize()))]
        for piece in _pieces(item for item in items if isinstance(item, str)):
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
