"""The queue of the log: whoever logs never waits for whoever reads."""

import io
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.observability import log_queue
from app.observability.log_queue import DroppingQueueHandler
from tests.observability.logged import Stuck


@pytest.fixture
def stuck() -> Iterator[Stuck]:
    stream = Stuck()
    yield stream
    stream.let.set()


@contextmanager
def queued(stream: io.StringIO) -> Iterator[DroppingQueueHandler]:
    handler = DroppingQueueHandler(stream)
    yield handler
    handler.close()


def test_lines_come_in_order_and_whole() -> None:
    stream = io.StringIO()
    with queued(stream) as log:

        def write(name: str) -> None:
            for number in range(1000):
                log.enqueue(f"{name} {number}")

        threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        log.flush(20)
    lines = stream.getvalue().splitlines()
    for name in "ab":
        assert [line for line in lines if line[0] == name] == [f"{name} {n}" for n in range(1000)]


def test_nobody_waits_for_a_stream_that_takes_nothing(
    stuck: Stuck, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_queue, "MAX_LINES", 3)
    with queued(stuck) as log:
        log.info("first")
        assert stuck.tried.wait(20)
        for number in range(5):
            log.info(str(number))
        assert log.dropped == 2
        log.flush(0)
        assert stuck.getvalue() == ""

        stuck.let.set()
        log.flush(20)
        log.info("last")
        log.flush(20)
        assert stuck.getvalue() == "first\n0\n1\n2\nlast\n"


def test_its_end_waits_for_no_stream_that_takes_nothing(stuck: Stuck) -> None:
    others = set(threading.enumerate())
    with queued(stuck) as log:
        log.info("first")
        assert stuck.tried.wait(20)
        [thread] = set(threading.enumerate()) - others
    assert thread.is_alive()
    stuck.let.set()
    thread.join(20)
    assert not thread.is_alive()
    assert stuck.getvalue() == "first\n"


def test_a_stream_that_was_closed_is_the_end_of_nothing() -> None:
    stream = io.StringIO()
    with queued(stream) as log:
        stream.close()
        log.info("first")
        log.flush(20)
        assert log.dropped == 1


SHARED = """
import sys
from app.observability.log_queue import DroppingQueueHandler
log = DroppingQueueHandler(sys.stdout)
for _ in range(4000):
    log.info(sys.argv[1] * 300)
print(file=sys.stderr, flush=True)
log.flush(60)
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
