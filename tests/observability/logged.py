"""What the service logs while a test runs, as whoever runs it would find it."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog

from app.observability import logs
from app.observability.log_queue import DroppingQueueHandler

Json = dict[str, Any]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Stuck(io.StringIO):
    """A stream that takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.tried = threading.Event()
        self.let = threading.Event()

    def write(self, text: str) -> int:
        self.tried.set()
        assert self.let.wait(20)
        return super().write(text)


class Logged:
    """Lines that were logged to a stream."""

    def __init__(self, stream: io.StringIO, handler: DroppingQueueHandler) -> None:
        self._stream = stream
        self._handler = handler

    @property
    def text(self) -> str:
        self._handler.flush(20)
        return self._stream.getvalue()

    @property
    def entries(self) -> list[Json]:
        return [json.loads(line) for line in self.text.split("\n")[:-1]]

    @property
    def requests(self) -> list[Json]:
        """The lines of requests."""
        return [entry for entry in self.entries if entry["event"] == "request"]


@contextmanager
def logged(level: str = "info", stream: io.StringIO | None = None) -> Iterator[Logged]:
    """Log as the service does; afterwards logging is as it was."""
    root = logging.getLogger()
    before = [(logger, logger.level) for logger in (root, logging.getLogger("app"))]
    handlers = root.handlers
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    showwarning = warnings.showwarning
    stream = io.StringIO() if stream is None else stream
    requests = logs.requests
    handler = logs.configure(level, stream)
    try:
        yield Logged(stream, handler)
    finally:
        handler.flush()
        handler.close()
        root.handlers = handlers
        for logger, severity in before:
            logger.setLevel(severity)
        sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
        warnings.showwarning = showwarning
        logs.requests = requests
        structlog.reset_defaults()
