"""Lines for a stream that may be slow: nobody who writes one waits for whoever reads it.

A thread writes what has gathered, in pieces that a pipe takes at once: several processes may write
to one, and none of them is to put a line into the middle of another's. When the stream takes
nothing (a full pipe, a stopped terminal), what is more than `MAX_LINES` is dropped and counted, and
the count is the first thing said once it takes lines again: a service that stands still for its log
serves nobody.
"""

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO

MAX_LINES = 20_000
# POSIX's PIPE_BUF, as it is on Linux; a longer line is a piece of its own.
PIECE_BYTES = 4096
# Seconds in which lines gather, so that many are one write; a process that is killed loses these.
_GATHERING = 0.02
# Seconds that the end of the process waits for the last lines.
_PATIENCE = 1.0


class Writer:
    """A stream, and the lines that wait for it. `dropped` counts those that it never got."""

    def __init__(self, stream: TextIO, say_dropped: Callable[[int], str]) -> None:
        self._stream = stream
        self._say_dropped = say_dropped
        self._said = 0
        self.dropped = 0
        self._thread: threading.Thread | None = None
        self._forget_thread()
        _writers.add(self)

    def write(self, line: str) -> None:
        """Have a line written, which ends with a line break."""
        if len(self._waiting) >= MAX_LINES:
            self.dropped += 1
            return
        self._waiting.append(line)
        if not self._wake.is_set():
            self._wake.set()
            if self._thread is None:
                self._start()

    def flush(self, patience: float = _PATIENCE) -> bool:
        """Wait until all that was said before is written; false if that takes too long."""
        if self._thread is None:
            return True
        done = threading.Event()
        self._waiting.append(done)
        self._hurry.set()
        self._wake.set()
        return done.wait(patience)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()

    def _forget_thread(self) -> None:
        """As new: a fork has no threads, and what waits is its parent's to write."""
        self._waiting: deque[str | threading.Event] = deque()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._lock = threading.Lock()
        self._thread = None

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._hurry.wait(_GATHERING)
            self._hurry.clear()
            # Before looking: what comes from now on wakes it again.
            self._wake.clear()
            self._write_waiting()

    def _write_waiting(self) -> None:
        lines: list[str] = []
        flushes: list[threading.Event] = []
        for _ in range(len(self._waiting)):
            item = self._waiting.popleft()
            if isinstance(item, str):
                lines.append(item)
            else:
                flushes.append(item)
        unsaid = self.dropped - self._said
        if unsaid:
            lines.append(self._say_dropped(unsaid))
            self._said += unsaid
        for piece in _pieces(lines):
            try:
                self._stream.write("".join(piece))
                self._stream.flush()
            except (OSError, ValueError):  # nobody is there to read, or it was closed
                self.dropped += len(piece)
        for flush in flushes:
            flush.set()


def _pieces(lines: Iterable[str]) -> Iterator[list[str]]:
    piece: list[str] = []
    room = PIECE_BYTES
    for line in lines:
        size = len(line.encode(errors="surrogatepass"))
        if piece and size > room:
            yield piece
            piece, room = [], PIECE_BYTES
        piece.append(line)
        room -= size
    if piece:
        yield piece


_writers: "weakref.WeakSet[Writer]" = weakref.WeakSet()


def _after_fork() -> None:
    for writer in _writers:
        writer._forget_thread()


os.register_at_fork(after_in_child=_after_fork)
