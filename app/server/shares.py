"""How several workers share connections: one that has more than another gives way to it.

The kernel wakes all of them for a connection, and the first one takes it. Where there is little to
do that is mostly the same one, and connections that are kept, as a proxy keeps them, stay where
they are: of 32 made at once one worker had 31. So each tells how many it has, and one that has more
than another leaves what comes to the others for a moment. What is there after it nobody else
wanted, so that it takes that at once: a worker that is stuck costs each lot of connections that
moment, and one that has ended nothing, since its parent says that it left.
"""

import asyncio
import logging
import mmap
import socket
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sized
from contextlib import contextmanager

from app.core.settings import StartError
from app.server.nameless import nameless

logger = logging.getLogger(__name__)

GIVING_WAY_SECONDS = 0.001
# Connections that are taken at once after that, before others in this process have their turn.
LOT = 16
# For what cannot be taken now: too many files are open.
RETRY_SECONDS = 1.0

# How long one that leaves waits for the others; in vain, if it leaves alone.
LEAVING_SECONDS = 1.0
_POLL_SECONDS = 0.01

_SIZE = 4  # bytes a number
_LEFT = -1


class Counts:
    """How many connections each worker has, in memory that all see who have the descriptor."""

    def __init__(self, descriptor: int, workers: int) -> None:
        self._memory = mmap.mmap(descriptor, _SIZE * workers)
        self._counts = memoryview(self._memory).cast("i")

    def __iter__(self) -> Iterator[int]:
        return iter(self._counts)

    def __getitem__(self, number: int) -> int:
        return self._counts[number]

    def tell(self, number: int, count: int) -> None:
        """Say how many this worker has."""
        self._counts[number] = count

    def leave(self, number: int) -> None:
        """Say that this worker takes no more."""
        self._counts[number] = _LEFT


@contextmanager
def made(workers: int) -> Iterator[int]:
    """A descriptor of `Counts` for so many, who have yet to come. Raises `StartError`."""
    try:
        file = nameless(_LEFT.to_bytes(_SIZE, sys.byteorder, signed=True) * workers)
    except OSError as error:
        raise StartError(
            f"Workers share a temporary file here, and none can be made ({error.strerror}): name a "
            "folder that Tickbox may write to by TMPDIR, or set TICKBOX_WORKERS to 1."
        ) from None
    with file:
        yield file.fileno()


class Shares:
    """What one worker, of this number, sees of it."""

    def __init__(self, counts: Counts, number: int) -> None:
        self._counts = counts
        self._number = number
        self.tell(0)

    def tell(self, count: int) -> None:
        """Say how many this worker has."""
        self._counts.tell(self._number, count)

    def is_ahead(self) -> bool:
        """Whether another one has fewer."""
        return any(_LEFT < count < self._counts[self._number] for count in self._counts)

    async def leave(self) -> None:
        """Say that this worker listens no more; returns when nobody does, or after a moment.

        A client that is told to go before would come back by a connection to another worker, and
        perhaps just when that one stops listening.
        """
        self._counts.leave(self._number)
        deadline = time.monotonic() + LEAVING_SECONDS
        # Other processes say so, by no event of this one.
        while (  # noqa: ASYNC110
            any(count != _LEFT for count in self._counts) and time.monotonic() < deadline
        ):
            await asyncio.sleep(_POLL_SECONDS)


class Acceptor:
    """Takes connections from the shared socket, with `take`; `open_ones` are those it has."""

    def __init__(
        self,
        listener: socket.socket,
        take: Callable[[socket.socket], Coroutine[None, None, None]],
        open_ones: Sized,
        shares: Shares,
    ) -> None:
        self._listener = listener
        self._take = take
        self._open_ones = open_ones
        self._shares = shares
        self._taking: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    def start(self) -> None:
        """Begin, on a socket that listens."""
        self._listener.setblocking(False)
        self._loop.add_reader(self._listener, self._look)

    async def stop(self, patience: float) -> None:
        """Take no more; those that were taken get so many seconds to be connections."""
        if self._timer is not None:
            self._timer.cancel()
        self._loop.remove_reader(self._listener)
        if self._taking:
            await asyncio.wait(self._taking, timeout=patience)

    def tell(self) -> None:
        """Say how many there are here; from time to time, for some have ended."""
        self._shares.tell(len(self._open_ones) + len(self._taking))

    def _look(self) -> None:
        self.tell()
        if self._shares.is_ahead():
            self._pause(GIVING_WAY_SECONDS)
        else:
            self._accept(1)

    def _accept(self, most: int) -> None:
        for _ in range(most):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):  # another was first, or it is gone
                break
            except OSError as error:
                logger.error("connections cannot be taken: %s", error.strerror)
                self._pause(RETRY_SECONDS)
                break
            task = self._loop.create_task(self._take(connection))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)
        self.tell()

    def _pause(self, seconds: float) -> None:
        self._loop.remove_reader(self._listener)
        self._timer = self._loop.call_later(seconds, self._go_on)

    def _go_on(self) -> None:
        self._timer = None
        self._loop.add_reader(self._listener, self._look)
        self._accept(LOT)
