"""Few places, shared: nobody has more than a share, and none is ever lost."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database.fair_semaphore import FairSemaphore


async def test_who_has_its_share_waits_for_itself() -> None:
    semaphore = FairSemaphore(3, 1)
    first = await semaphore.acquire("ada")
    more = [asyncio.create_task(semaphore.acquire("ada")) for _ in range(5)]
    await asyncio.sleep(0)
    other = await semaphore.acquire("bob")
    assert not any(task.done() for task in more)
    semaphore.release(first)
    semaphore.release(await more[0])
    semaphore.release(other)
    for task in more[1:]:
        semaphore.release(await task)


async def test_a_thousand_tasks_keep_nobody_waiting_for_more_than_a_share_of_them() -> None:
    semaphore = FairSemaphore(2, 1)
    served: list[str] = []

    async def work(holder: str) -> None:
        share = await semaphore.acquire(holder)
        served.append(holder)
        await asyncio.sleep(0)
        semaphore.release(share)

    await asyncio.gather(*(work(who) for who in ["ada"] * 1_000 + ["eve"] * 1_000 + ["bob"]))
    assert served.index("bob") <= 4


@pytest.mark.parametrize("is_granted", [False, True])
async def test_one_that_gives_up_leaves_its_place(*, is_granted: bool) -> None:
    semaphore = FairSemaphore(1, 1)
    first = await semaphore.acquire("ada")
    waiting = asyncio.create_task(semaphore.acquire("bob"))
    await asyncio.sleep(0)
    if is_granted:
        semaphore.release(first)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not is_granted:
        semaphore.release(first)
    async with asyncio.timeout(5):
        semaphore.release(await semaphore.acquire("bob"))
        semaphore.release(await semaphore.acquire("eve"))


class Players:
    """Three holders, and what each has and waits for."""

    def __init__(self, size: int, share: int) -> None:
        self._semaphore = FairSemaphore(size, share)
        self._size, self._share = size, share
        self._tasks: list[tuple[int, asyncio.Task[asyncio.Semaphore]]] = []
        self._held: dict[int, list[asyncio.Semaphore]] = {who: [] for who in range(3)}

    async def move(self, who: int, what: int) -> None:
        """Acquire, release, or give up waiting."""
        if what <= 1:
            self._tasks.append((who, asyncio.create_task(self._semaphore.acquire(who))))
        elif what == 2 and self._held[who]:
            self._semaphore.release(self._held[who].pop())
        elif self._tasks:
            self._tasks[0][1].cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        for each in [each for each in self._tasks if each[1].done()]:
            self._tasks.remove(each)
            if not each[1].cancelled():
                self._held[each[0]].append(each[1].result())

    def check(self) -> None:
        counts = Counter({who: len(shares) for who, shares in self._held.items()})
        assert counts.total() <= self._size
        assert max(counts.values()) <= self._share
        # Whoever waits is at its share, or all places are taken.
        is_full = counts.total() == self._size
        assert all(is_full or counts[who] == self._share for who, _ in self._tasks)

    async def leave(self) -> None:
        for _, task in self._tasks:
            task.cancel()
        await asyncio.gather(*(task for _, task in self._tasks), return_exceptions=True)


@given(st.integers(1, 5), st.integers(1, 5), st.lists(st.integers(0, 9), max_size=80))
def test_whatever_they_do_none_is_lost_and_none_is_left_free(
    size: int, share: int, moves: list[int]
) -> None:
    async def play() -> None:
        players = Players(size, share)
        for move in moves:
            await players.move(move % 3, move // 3)
            players.check()
        await players.leave()

    asyncio.run(play())
