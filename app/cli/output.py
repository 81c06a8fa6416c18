"""Standard output that tells of what was printed and did not arrive."""

import io
import os
import sys
from typing import Any


class Unprinted(OSError):
    """What was printed did not arrive: the disk is full, or who read has gone."""


class _Output(io.FileIO):
    is_needed = True
    _is_lost = False

    def write(self, data: Any) -> int:
        if self._is_lost:
            # Python tries again when it ends, and would complain in its own way.
            return memoryview(data).nbytes
        try:
            return super().write(data)
        except OSError as error:
            self._is_lost = True
            if not self.is_needed:
                return memoryview(data).nbytes
            raise Unprinted(error.errno, error.strerror) from None


def do_without_output() -> None:
    """What is printed from here on is welcome to arrive, and no more."""
    _Output.is_needed = False


def open_output() -> None:
    """Have `sys.stdout` raise `Unprinted`, as the one error of its kind; also where it is closed.

    Python has None for what is closed, and printing to it succeeds.
    """
    old = sys.stdout
    if old is None:
        number = os.open(os.devnull, os.O_RDONLY)
        options: dict[str, Any] = {"encoding": "utf-8"}
    else:
        number = old.fileno()
        names = ("encoding", "errors", "line_buffering")
        options = {name: getattr(old, name) for name in names}
    raw = _Output(number, "w", closefd=False)
    sys.stdout = io.TextIOWrapper(io.BufferedWriter(raw), **options)
