"""How a command ends by a signal."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from app.server.signals import handling


@contextmanager
def ended_by_signals(*, code: int) -> Iterator[None]:
    """Outside of serving too, a signal ends in order what was started; gives the exit code."""

    def end(_number: int, _frame: FrameType | None) -> None:
        # Once is enough: all is taken down now, and that is not to be cut off.
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        # Not KeyboardInterrupt: CPython may end by SIGINT for one although it was caught.
        raise SystemExit(code)

    with handling(end):
        yield
