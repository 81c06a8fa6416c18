"""Who of several workers takes a connection."""

import asyncio
import errno
import logging
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise

import pytest

from app.core.settings import StartError
from app.server import shares
from app.server.shares import LOT, Acceptor, Counts, Shares, made


class Full(socket.socket):
    """A listener for which no more files may be opened, until it is `relieved`."""

    relieved = False
    refused: asyncio.Event

    def accept(self) -> tuple[socket.socket, object]:
        if not self.relieved:
            self.refused.set()
            raise OSError(errno.EMFILE, "Too many open files")
        return super().accept()


TAKEN = asyncio.Event()


class Worker:
    """One end of a shared listener; it keeps what it takes."""

    def __init__(self, listener: socket.socket, shared: Shares) -> None:
        self.taken: list[socket.socket] = []
        self.acceptor = Acceptor(listener, self._take, self.taken, shared)
        self.acceptor.start()

    async def _take(self, connection: socket.socket) -> None:
        self.taken.append(connection)
        TAKEN.set()

    async def stop(self) -> None:
        await self.acceptor.stop(20)
        for connection in self.taken:
            connection.close()


async def have_taken(count: int, *workers: Worker) -> None:
    while sum(len(worker.taken) for worker in workers) < count:
        TAKEN.clear()
        await asyncio.wait_for(TAKEN.wait(), 20)


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with Full() as listener:
        listener.relieved = True
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        yield listener


@pytest.fixture
async def clients(listener: socket.socket) -> AsyncIterator[list[socket.socket]]:
    clients: list[socket.socket] = []
    yield clients
    for client in clients:
        client.close()


@pytest.fixture
def counts() -> Iterator[Counts]:
    with made(2) as descriptor:
        yield Counts(descriptor, 2)


def test_one_sees_what_the_other_tells() -> None:
    with made(2) as descriptor:
        first, second = (Shares(Counts(descriptor, 2), number) for number in range(2))
        of_another = Counts(descriptor, 2)
    assert not first.is_ahead()
    first.tell(3)
    assert first.is_ahead()
    assert not second.is_ahead()
    second.tell(3)
    assert not first.is_ahead()
    # One that follows another begins anew, and changes nothing of the others.
    Shares(of_another, 1)
    assert first.is_ahead()


def test_nobody_gives_way_to_who_is_not_there(counts: Counts) -> None:
    """Not yet, or not any more: whoever sees that one has died says so for it."""
    first = Shares(counts, 0)
    first.tell(3)
    assert not first.is_ahead()
    Shares(counts, 1)
    assert first.is_ahead()
    counts.leave(1)
    assert not first.is_ahead()


def test_without_room_for_it_a_start_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are no files of memory they are made in the temporary folder."""

    def refused(*_: object) -> int:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "memfd_create", refused, raising=False)
    with made(2) as descriptor:
        assert list(Counts(descriptor, 2)) == [-1, -1]
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    with pytest.raises(StartError, match=r"No such file or directory.* TMPDIR"), made(2):
        pass


async def test_one_that_leaves_waits_for_the_others_for_a_moment(
    counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "LEAVING_SECONDS", 20)
    first, second = (Shares(counts, number) for number in range(2))
    second.tell(1)
    leaving = asyncio.create_task(first.leave())
    await asyncio.wait([leaving], timeout=0.05)
    assert not leaving.done()
    assert not second.is_ahead()  # nobody gives way to one that has gone
    await second.leave()
    await leaving

    monkeypatch.setattr(shares, "LEAVING_SECONDS", 0)
    Shares(counts, 1)
    await first.leave()


async def test_who_is_ahead_gives_way_and_is_not_for_ever_alone(
    listener: socket.socket, clients: list[socket.socket], counts: Counts
) -> None:
    first, second = (Shares(counts, number) for number in range(2))
    worker = Worker(listener, first)
    for count in range(1, 4):  # the other one takes none, as if it were stuck
        clients.append(socket.create_connection(listener.getsockname()))
        await have_taken(count, worker)
    other = Worker(listener, second)
    clients += [socket.create_connection(listener.getsockname()) for _ in range(3)]
    await have_taken(6, worker, other)
    assert len(other.taken) > 0
    await worker.stop()
    await other.stop()


async def test_who_gave_way_once_takes_all_that_nobody_else_wanted(
    listener: socket.socket, clients: list[socket.socket], counts: Counts
) -> None:
    first, _stuck = (Shares(counts, number) for number in range(2))
    worker = Worker(listener, first)
    clients.append(socket.create_connection(listener.getsockname()))
    await have_taken(1, worker)
    gave_way: list[int] = []
    pause = worker.acceptor._pause

    def counted(seconds: float) -> None:
        gave_way.append(len(worker.taken))
        pause(seconds)

    worker.acceptor._pause = counted  # type: ignore[method-assign]  # to count
    clients += [socket.create_connection(listener.getsockname()) for _ in range(3 * LOT)]
    await have_taken(1 + 3 * LOT, worker)
    assert [after - before for before, after in pairwise(gave_way)] == [LOT] * (len(gave_way) - 1)
    assert len(gave_way) == 3
    await worker.stop()


async def test_too_many_files_are_said_and_waited_for(
    clients: list[socket.socket],
    listener: Full,
    counts: Counts,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(shares, "RETRY_SECONDS", 0.001)
    listener.relieved, listener.refused = False, asyncio.Event()
    worker = Worker(listener, Shares(counts, 0))
    clients.append(socket.create_connection(listener.getsockname()))
    with caplog.at_level(logging.ERROR, "app.server.shares"):
        await asyncio.wait_for(listener.refused.wait(), 20)
    assert "Too many open files" in caplog.text
    listener.relieved = True
    await have_taken(1, worker)
    await worker.stop()
