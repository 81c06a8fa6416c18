"""Several processes that serve on one socket, and their parent, which serves nothing itself."""

import logging
import multiprocessing
import os
import signal
import socket
import threading
from functools import cached_property
from types import FrameType

from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import multiprocess

from app.core.settings import StartError
from app.server.config import Config
from app.server.process import REPLACED, Server, say_ready

logger = logging.getLogger(__name__)

_ENDS = (signal.SIGINT, signal.SIGTERM)


class _Worker(multiprocess.Process):
    """One of several processes, and its parent's view of it."""

    @cached_property
    def server(self) -> Server:
        """The server in the process."""
        assert isinstance(self.config, Config)
        return Server(self.config)

    def terminate(self) -> None:
        """Ask it to end, now that another one serves in its place."""
        if self.pid is not None and self.exitcode is None:
            os.kill(self.pid, REPLACED)
        self.parent_conn.close()
        self.child_conn.close()

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        """What the process does: serve, and end at once when its parent has died."""
        threading.Thread(target=_end_with_parent, daemon=True).start()
        super().target(sockets)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


# uvicorn's supervisor takes no other kind of process.
multiprocess.Process = _Worker  # type: ignore[misc]


class Supervisor(multiprocess.Multiprocess):
    """uvicorn's supervisor: says once when all are ready, and kills all at a second signal."""

    config: Config
    _is_ready = False
    # How many signals have asked for the end.
    _ends = 0

    def run(self) -> None:
        """Serve until a signal. Raises `StartError`."""
        super().run()
        if any(worker.exitcode == STARTUP_FAILURE for worker in self.processes):
            raise StartError("A worker did not start; the log says why.")

    def keep_subprocess_alive(self) -> None:
        """Put another one in the place of each that has ended or hangs; called twice a second."""
        if self.should_exit.is_set():
            return
        before = list(self.processes)
        for worker in before:
            if worker.exitcode is not None:
                text = "worker %s has ended by itself (exit code %s); another one follows"
                logger.error(text, worker.pid, worker.exitcode)
        ended = {worker.pid for worker in before if worker.exitcode is not None}
        super().keep_subprocess_alive()
        for worker in before:
            if worker not in self.processes and worker.pid not in ended:
                logger.error("worker %s did not answer; another one follows", worker.pid)
        if not self._is_ready and all(worker.is_ready() for worker in self.processes):
            self._is_ready = True
            say_ready(self.config, self.sockets[0])

    def restart_all(self) -> None:
        """Replace all, one after the other, which is what SIGHUP asks for."""
        before = {worker.pid for worker in self.processes}
        super().restart_all()
        if not self.should_exit.is_set() and before & {worker.pid for worker in self.processes}:
            logger.error("not all workers could be replaced: those that were there serve on")

    def terminate_all(self) -> None:
        """Tell all to end."""
        # From here on the last worker to close it closes it for all.
        for listener in self.sockets:
            listener.close()
        for worker in self.processes:
            if worker.pid is not None and worker.exitcode is None:
                os.kill(worker.pid, signal.SIGTERM)

    def handle_signals(self) -> None:
        """Handle those of the last half second, of which two may ask for the end."""
        self._ends += sum(number in _ENDS for number in self.signal_queue)
        super().handle_signals()

    def join_all(self) -> None:
        """Wait for all to end, and kill them at a second signal."""
        for number in _ENDS:
            signal.signal(number, self._kill_all)
        if self._ends + sum(number in _ENDS for number in self.signal_queue) > 1:
            self._kill_all()
        super().join_all()

    def _kill_all(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        for worker in self.processes:
            worker.kill()
