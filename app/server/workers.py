"""Several processes that serve on one socket, and their parent, which serves nothing itself."""

import logging
import os
import signal
import socket
import threading
import time
from functools import cached_property

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import multiprocess

from app.core.settings import StartError
from app.server.http_protocol import Config
from app.server.process import REPLACED, Server, say_ready

logger = logging.getLogger(__name__)

# Seconds beyond those that a worker gives itself to end, after which it is killed.
_GRACE_SECONDS = 10
_ENDS = frozenset({signal.SIGINT, signal.SIGTERM})


class _Worker(multiprocess.Process):
    """One of several processes, and its parent's view of it."""

    config: Config
    # While another one is started for each of them: there is one supervisor in a process.
    are_replaced = False

    @cached_property
    def server(self) -> uvicorn.Server:
        return Server(self.config)

    def start(self) -> None:
        # Ctrl-C reaches all processes of the terminal, also one that has not left it yet.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def terminate(self) -> None:
        if not self.are_replaced:
            super().terminate()
        elif self.pid is not None and self.exitcode is None:
            # Not ready is who ends with all others: a load balancer would leave them too.
            os.kill(self.pid, REPLACED)

    def join(self) -> None:
        self.process.join(self.config.seconds_to_end + _GRACE_SECONDS)
        if self.process.is_alive():
            self.kill()
            self.process.join()


# uvicorn's supervisor takes no other kind of process.
multiprocess.Process = _Worker  # type: ignore[misc]


class _AskedToEnd(threading.Event):
    """Set also while a signal that asks for the end waits in a supervisor's queue.

    uvicorn's supervisor handles signals between its rounds alone, and one may replace all workers.
    """

    def __init__(self, signals: list[int]) -> None:
        super().__init__()
        self._signals = signals

    def is_set(self) -> bool:
        return super().is_set() or not _ENDS.isdisjoint(self._signals)


class Supervisor(multiprocess.Multiprocess):
    """uvicorn's, which says once when all are ready, and ends all at a second signal."""

    config: Config

    def __init__(self, config: Config, listener: socket.socket) -> None:
        super().__init__(config, [listener])
        self.should_exit = _AskedToEnd(self.signal_queue)
        self._is_ready = False

    def run(self) -> None:
        """Serve until a signal. Raises `StartError`."""
        super().run()
        if any(worker.exitcode == STARTUP_FAILURE for worker in self.processes):
            raise StartError("A worker did not start; the log says why.")

    def keep_subprocess_alive(self) -> None:
        """Put another one in the place of each that has ended; called twice a second."""
        for worker in self.processes:
            if worker.exitcode is not None:
                text = "worker %s has ended by itself (exit code %s); another one follows"
                logger.error(text, worker.pid, worker.exitcode)
        try:
            super().keep_subprocess_alive()
        except OSError as error:
            logger.error("a worker cannot be started: %s", error.strerror)
        if not self._is_ready and all(worker.is_ready() for worker in self.processes):
            self._is_ready = True
            say_ready(self.config, self.sockets[0])

    def restart_all(self) -> None:
        """Replace all, one after the other, which is what SIGHUP asks for."""
        before = {worker.pid for worker in self.processes}
        _Worker.are_replaced = True
        super().restart_all()
        _Worker.are_replaced = False
        if not self.should_exit.is_set() and before & {worker.pid for worker in self.processes}:
            logger.error("not all workers could be replaced: those that were there serve on")

    def terminate_all(self) -> None:
        """Tell all to end."""
        # From here on the last worker to close it closes it for all.
        for listener in self.sockets:
            listener.close()
        super().terminate_all()

    def join_all(self) -> None:
        """Wait for all to end; kill them at a second signal, or when they take too long."""
        self.signal_queue.clear()
        killed_at = time.monotonic() + self.config.seconds_to_end + _GRACE_SECONDS
        for worker in self.processes:
            while worker.process.is_alive():
                worker.process.join(0.1)
                if not _ENDS.isdisjoint(self.signal_queue) or time.monotonic() > killed_at:
                    worker.kill()
