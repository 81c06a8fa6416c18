"""The queue between whoever logs and stderr, so that a slow reader of stderr holds up no request.

When stderr takes nothing (a full pipe, a stopped terminal), lines beyond `MAX_LINES` are dropped
and counted.
"""

import logging
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from select import PIPE_BUF
from typing import TextIO

MAX_LINES = 20_000
# Lines gather for so long and are one write; a process that is killed loses these.
_GATHER_SECONDS = 0.02


class DroppingQueueHandler(logging.Handler):
    """Formats records where they are logged, and queues the lines; `dropped` counts those lost.

    The library's `QueueListener` would wake up and write for each line; this one's thread takes all
    that wait.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self.dropped = 0
        self._stream = stream
        # Lines, an event to set when all before it are written, and None for the end.
        self._items: queue.SimpleQueue[str | threading.Event | None] = queue.SimpleQueue()
        threading.Thread(target=self._listen, name="log", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record as a line."""
        try:
            self.enqueue(self.format(record))
        except Exception:  # noqa: BLE001 - logging's own way would print the record as it is
            self.enqueue('{"level": "error", "event": "a line could not be formatted"}')

    def enqueue(self, line: str) -> None:
        """Queue a line."""
        if self._items.qsize() < MAX_LINES:
            self._items.put(line)
        else:
            self.dropped += 1

    # What structlog calls on a logger that it wraps.
    debug = info = warning = error = critical = enqueue

    def flush(self, seconds: float = 1.0) -> None:
        """Wait until all lines so far are written, but not for longer."""
        written = threading.Event()
        self._items.put(written)
        written.wait(seconds)

    def close(self) -> None:
        """End the thread, but do not wait for it: stderr may be stuck."""
        self._items.put(None)
        super().close()

    def _listen(self) -> None:
        items: list[str | threading.Event | None] = []
        while None not in items:
            items = [self._items.get()]
            time.sleep(_GATHER_SECONDS)
            items += [self._items.get() for _ in range(self._items.qsize())]
            for piece in _pieces(item for item in items if isinstance(item, str)):
                try:
                    self._stream.write(piece)
                    self._stream.flush()
                except (OSError, ValueError):  # nobody is there to read, or it was closed
                    self.dropped += piece.count("\n")
            for item in items:
                if isinstance(item, threading.Event):
                    item.set()


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
