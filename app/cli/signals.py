"""How a command ends by a signal."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ended_by_signals(*, code: int) -> Iterator[None]:
    """Outside of serving too, a signal ends in order what was started; gives the exit code."""
    ends = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        ends.append(signal.SIGHUP)

    def end(_number: int, _frame: FrameType | None) -> None:
        # Once is enough: all is taken down now, and that is not to be cut off.
        for number in ends:
            signal.signal(number, signal.SIG_IGN)
        # Not KeyboardInterrupt: CPython may end by SIGINT for one although it was caught.
        raise SystemExit(code)

    handlers = {number: signal.signal(number, end) for number in ends}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
