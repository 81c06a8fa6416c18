"""Few places, shared: by holders in turn, and never lost."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.database.places import Places


async def hold(places: Places, holder: object) -> None:
    if not places.take(holder):
        await places.wait(holder)


def test_nobody_takes_more_than_a_share() -> None:
    places = Places(8, 2)
    assert [places.take("ada") for _ in range(3)] == [True, True, False]
    assert [places.take("bob") for _ in range(3)] == [True, True, False]
    places.give_back("ada")
    assert [places.take("bob"), places.take("ada"), places.take("ada")] == [False, True, False]


async def test_holders_wait_in_turn_however_many_tasks_they_have() -> None:
    places = Places(1, 1)
    served: list[str] = []

    async def work(holder: str) -> None:
        await hold(places, holder)
        served.append(holder)
        await asyncio.sleep(0)
        places.give_back(holder)

    holders = ["ada"] * 5 + ["bob"] * 2 + ["eve"]
    await asyncio.gather(*(work(holder) for holder in holders))
    assert served == ["ada", "ada", "bob", "eve", "ada", "bob", "ada", "ada"]


async def test_one_at_its_share_is_passed_over() -> None:
    places = Places(2, 1)
    await hold(places, "ada")
    await hold(places, "bob")
    waiting = [asyncio.create_task(places.wait(who)) for who in ("ada", "eve")]
    await asyncio.sleep(0)
    places.give_back("bob")
    await waiting[1]
    assert not waiting[0].done()
    places.give_back("ada")
    await waiting[0]


@pytest.mark.parametrize("is_granted", [False, True])
async def test_one_that_gives_up_leaves_its_place(*, is_granted: bool) -> None:
    places = Places(1, 1)
    await hold(places, "ada")
    waiting = asyncio.create_task(places.wait("bob"))
    await asyncio.sleep(0)
    if is_granted:
        places.give_back("ada")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    if not is_granted:
        places.give_back("ada")
    assert [places.take("eve"), places.take("bob")] == [True, False]


@given(st.integers(1, 5), st.integers(1, 5), st.lists(st.integers(0, 9), max_size=80))
def test_whatever_they_do_none_is_lost_and_none_is_left_free(
    size: int, share: int, moves: list[int]
) -> None:
    """A move is of one of three holders: take, give back, or give up waiting."""

    async def play() -> None:
        places = Places(size, share)
        tasks: list[tuple[int, asyncio.Task[None]]] = []
        held: Counter[int] = Counter()

        def settle() -> None:
            for who, task in tasks.copy():
                if task.done():
                    tasks.remove((who, task))
                    held[who] += not task.cancelled()

        for move in moves:
            who, what = move % 3, move // 3
            if what <= 1:
                tasks.append((who, asyncio.create_task(hold(places, who))))
            elif what == 2 and held[who]:
                held[who] -= 1
                places.give_back(who)
            elif tasks:
                tasks[0][1].cancel()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            settle()
            assert held.total() <= size
            assert max(held.values(), default=0) <= share
            # Whoever waits is at its share, or all places are taken.
            assert all(held[other] == share or held.total() == size for other, _ in tasks)
        for _, task in tasks:
            task.cancel()
        await asyncio.gather(*(task for _, task in tasks), return_exceptions=True)

    asyncio.run(play())
