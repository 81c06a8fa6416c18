"""Lines for a slow stream: who writes them never waits."""

import io
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator

import pytest

from app.core import writer
from app.core.writer import Writer


class Stuck(io.StringIO):
    """A stream that takes nothing until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.tried = threading.Event()
        self.let = threading.Event()

    def write(self, text: str) -> int:
        self.tried.set()
        assert self.let.wait(20)
        return super().write(text)


def said(count: int) -> str:
    return f"{count} dropped\n"


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    stream = Stuck()
    yield stream
    stream.let.set()


def test_lines_come_in_order_and_whole() -> None:
    stream = io.StringIO()
    log = Writer(stream, said)

    def write(name: str) -> None:
        for number in range(1000):
            log.write(f"{name} {number}\n")

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert log.flush()
    lines = stream.getvalue().splitlines()
    for name in "ab":
        assert [line for line in lines if line[0] == name] == [f"{name} {n}" for n in range(1000)]


def test_nobody_waits_for_a_stream_that_takes_nothing(
    stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_LINES", 3)
    log = Writer(stuck, said)
    log.write("first\n")
    assert stuck.tried.wait(20)
    for number in range(5):
        log.write(f"{number}\n")
    assert log.dropped == 2
    assert not log.flush(patience=0)

    stuck.let.set()
    assert log.flush()
    assert stuck.getvalue() == "first\n0\n1\n2\n2 dropped\n"
    log.write("last\n")
    assert log.flush()
    assert stuck.getvalue().endswith("2 dropped\nlast\n")


def test_a_stream_that_was_closed_is_the_end_of_nothing() -> None:
    stream = io.StringIO()
    log = Writer(stream, said)
    stream.close()
    log.write("first\n")
    assert log.flush()
    assert log.dropped == 1


FORK = """
import os, sys
from app.core.writer import Writer
log = Writer(sys.stdout, str)
log.write("parent\\n")
log.flush()
child = os.fork()
if child == 0:
    log.write("child\\n")
    os._exit(0 if log.flush() else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_fork_writes_its_own_lines_only() -> None:
    # On its own: the tests' process has threads, and Python warns of a fork then.
    run = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, check=False, timeout=30
    )
    assert (run.returncode, run.stdout) == (0, "parent\nchild\n")


SHARED = """
import sys
from app.core.writer import Writer
log = Writer(sys.stdout, str)
for _ in range(4000):
    log.write(sys.argv[1] * 300 + "\\n")
print(file=sys.stderr, flush=True)
sys.exit(0 if log.flush(60) else 1)
"""


def test_processes_that_share_a_pipe_keep_their_lines_whole() -> None:
    reading, writing = os.pipe()
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", SHARED, name], stdout=writing, stderr=subprocess.PIPE, text=True
        )
        for name in "ab"
    ]
    os.close(writing)
    for process in writers:  # the pipe is full before anybody reads
        assert process.stderr is not None
        assert process.stderr.readline() == "\n"
        process.stderr.close()
    with os.fdopen(reading) as stream:
        lines = Counter(line.rstrip("\n") for line in stream)
    assert [process.wait(timeout=60) for process in writers] == [0, 0]
    assert lines == {"a" * 300: 4000, "b" * 300: 4000}
