"""Several processes that serve on one socket, and their parent, which serves nothing itself."""

import logging
import multiprocessing
import os
import socket
import threading
from functools import cached_property

from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import multiprocess

from app.core.settings import StartError
from app.server.config import Config
from app.server.process import REPLACED, Server, say_ready

logger = logging.getLogger(__name__)


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
    """uvicorn's supervisor, which says when all are ready, and what became of a worker."""

    config: Config
    _is_ready = False

    def run(self) -> None:
        """Serve until a signal. Raises `StartError`."""
        super().run()
        if any(worker.exitcode == STARTUP_FAILURE for worker in self.processes):
            raise StartError("A worker did not start; the log says why.")

    def keep_subprocess_alive(self) -> None:
        """Put another one in the place of each that has ended or hangs; called twice a second."""
        before = list(self.processes)
        super().keep_subprocess_alive()
        for worker in before:
            if worker not in self.processes:
                text = "worker %s has ended, or did not answer (exit code %s); another one follows"
                logger.error(text, worker.pid, worker.exitcode)
        if self._is_ready or self.should_exit.is_set():
            return
        if all(worker.is_ready() for worker in self.processes):
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
            worker.process.terminate()
