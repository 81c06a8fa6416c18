"""Several processes that serve on one socket, and their parent, which serves nothing itself.

The parent binds the socket, runs the embedded servers and migrates; then it starts the workers,
puts another in the place of one that dies, and passes on the end that it is asked for. A worker is
`tickbox serve-worker` in a session of its own, so that neither Ctrl-C nor the end of a terminal
reaches it:

    stdin    the `Task`, then nothing: when it ends the parent has died, and the worker goes at once
    stdout   one line: that it is ready, or why it will never be
    SIGTERM  finish what is open, however often it comes (systemd sends it to all processes)
    SIGUSR1  finish at once

They share the listening socket, not only its port: what the kernel has accepted waits for whichever
of them takes it, so that no connection is reset when one ends. Why this is not uvicorn's own
`Multiprocess` stands in docs/decisions/workers.md.
"""

import asyncio
import logging
import os
import pickle
import signal
import socket
import sys
import time
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from dataclasses import replace
from types import FrameType

from app.core.settings import StartError
from app.server import tls
from app.server.runner import FORCED_SHUTDOWN_SECONDS, READY
from app.server.shares import Counts
from app.server.signals import handling
from app.server.task import Task

logger = logging.getLogger(__name__)

COMMAND = "serve-worker"
FORCE = signal.SIGUSR1
# One that served for as long died of something new; of those that did not, each successor waits
# twice as long as the one before it.
STEADY_SECONDS = 60
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
# Beyond the time that a worker gives itself to end.
GRACE_SECONDS = 10


def serve(task: Task, listener: socket.socket) -> None:
    """Serve by `task.settings.workers` processes until a signal; returns when all have ended.

    Raises `StartError` when one cannot start at all, and `SettingsError` for a certificate that is
    no good.
    """
    asyncio.run(_Workers(task, listener).run())


class _Workers:
    """The parent's view of them. They have places, 0 and up, which outlive them."""

    def __init__(self, task: Task, listener: socket.socket) -> None:
        self._task = task
        self._listener = listener
        self._counts = Counts(task.counts, task.settings.workers)
        # Kept for those who follow: what the files hold by then may be no good.
        self._certificate = tls.served(task.settings)
        self._running: dict[int, Process] = {}
        self._started: set[int] = set()  # the places that have had a worker that was ready
        self._ending = asyncio.Event()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()

        def end(_number: int, _frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(self._end)

        workers = self._task.settings.workers
        places = [asyncio.create_task(self._keep(number)) for number in range(workers)]
        renewing = asyncio.create_task(self._renew())
        with handling(end):
            try:
                await asyncio.gather(*places)
            finally:
                for task in (*places, renewing):
                    task.cancel()
                self._signal(signal.SIGKILL)
                await asyncio.gather(*(worker.wait() for worker in self._running.values()))

    async def _keep(self, number: int) -> None:
        """Have a worker in this place, and another one when it has died."""
        pause = 0.0
        while not self._ending.is_set():
            problem, seconds = await self._serve(number)
            if self._ending.is_set():
                return
            if number not in self._started:
                raise StartError(problem)
            if seconds > STEADY_SECONDS:
                pause = 0
            logger.error("worker %d has ended: %s; another follows in %g s", number, problem, pause)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), pause)
            pause = min(max(FIRST_PAUSE, 2 * pause), LONGEST_PAUSE)

    async def _renew(self) -> None:
        """Know the certificate that is in use, also when nobody has to be started."""
        while self._certificate is not None:
            await asyncio.sleep(1)
            self._certificate.refresh()

    async def _serve(self, number: int) -> tuple[str, float]:
        """Run a worker to its end: why it ended, and for how many seconds it served."""
        try:
            worker = await self._start(number)
        except OSError as error:
            return f"A worker cannot be started ({error.strerror})", 0
        assert worker.stdout is not None
        said = (await worker.stdout.readline()).decode()
        since = time.monotonic()
        if said.startswith(READY):
            self._is_ready(number, said)
        code = await worker.wait()
        self._counts.leave(number)  # it may have been killed
        del self._running[number]
        if said.startswith(READY):
            return f"exit code {code}", time.monotonic() - since
        return said.strip() or "A worker did not start; the log says why", 0

    async def _start(self, number: int) -> Process:
        pair = None if self._certificate is None else self._certificate.pair
        task = replace(self._task, number=number, pair=pair)
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "app.cli", COMMAND),
            # The same modules as here, whatever the working directory holds.
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=PIPE,
            stdout=PIPE,
            pass_fds=task.descriptors,
            start_new_session=True,
        )
        self._running[number] = worker
        if self._ending.is_set():
            worker.kill()
        # Not as arguments, nor in the environment: others may look at those.
        assert worker.stdin is not None
        worker.stdin.write(pickle.dumps(task))
        return worker

    def _is_ready(self, number: int, said: str) -> None:
        if number not in self._started:
            self._started.add(number)
            if len(self._started) == self._task.settings.workers:
                print(said, end="", flush=True)

    def _end(self) -> None:
        """Do what a signal asks for: the first one to finish, a second one to do so at once."""
        settings = self._task.settings
        if self._ending.is_set():
            self._signal(FORCE)
            seconds: float = FORCED_SHUTDOWN_SECONDS
        else:
            self._ending.set()
            # From here on the last worker to close it closes it for all.
            self._listener.close()
            self._signal(signal.SIGTERM)
            seconds = settings.shutdown_delay + settings.shutdown_timeout
        loop = asyncio.get_running_loop()
        loop.call_later(seconds + GRACE_SECONDS, self._signal, signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        for worker in self._running.values():
            with suppress(ProcessLookupError):
                worker.send_signal(number)
