"""How a command ends by a signal."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def ended_by_signals(*, code: int) -> Iterator[None]:
    """Outside of serving too, a signal ends in order what was started; gives the exit code.

    A hangup is one (the terminal was closed), unless it is ignored (nohup).
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only
        return

    def end(_number: int, _frame: FrameType | None) -> None:
        # Once is enough: all is taken down now, and that is not to be cut off.
        for number in _ENDS:
            signal.signal(number, signal.SIG_IGN)
        # Not KeyboardInterrupt: CPython may end by SIGINT for one although it was caught.
        raise SystemExit(code)

    before = {number: signal.getsignal(number) for number in _ENDS}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
