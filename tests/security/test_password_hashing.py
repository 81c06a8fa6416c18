import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Event
from typing import Any

import argon2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.security.password_hashing import PasswordHasher, PasswordHashingBusy

PASSWORD = "correct horse battery staple"
COST = {"memory_cost": 19456, "time_cost": 2, "parallelism": 1}
CANNOT_BE_HASHED = ["lone \ud800", "\udfff", "x" * 4097]
# As an older Tickbox might have stored them.
OTHER_COSTS = [
    COST | {"memory_cost": 8192},
    COST | {"time_cost": 1},
    COST | {"parallelism": 2},
    COST | {"hash_len": 16},
    COST | {"type": argon2.Type.I},
]


@pytest.fixture
def hasher() -> Iterator[PasswordHasher]:
    hasher = PasswordHasher(2)
    yield hasher
    hasher.close()


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The cost of each Argon2 computation during the test that came to an answer."""
    costs: list[str] = []
    verify = argon2.low_level.verify_secret

    def counted(password_hash: bytes, *arguments: Any) -> bool:
        try:
            return verify(password_hash, *arguments)
        finally:
            costs.append(password_hash.decode().rsplit("$", 2)[0])

    monkeypatch.setattr(argon2.low_level, "verify_secret", counted)
    return costs


@dataclass(frozen=True)
class Blocked:
    """A hasher with one thread, in which no hash is done before `released` is set."""

    hasher: PasswordHasher
    released: Event

    async def start(self, count: int) -> list[asyncio.Task[str]]:
        """So many requests, come as far as they get."""
        tasks = [asyncio.create_task(self.hasher.hash(PASSWORD)) for _ in range(count)]
        await asyncio.sleep(0)
        return tasks


@pytest.fixture
def blocked(monkeypatch: pytest.MonkeyPatch) -> Iterator[Blocked]:
    blocked = Blocked(PasswordHasher(1), Event())
    compute = argon2.low_level.hash_secret

    def wait(**arguments: Any) -> bytes:
        blocked.released.wait(10)
        return compute(**arguments | {"memory_cost": 8, "time_cost": 1})

    monkeypatch.setattr(argon2.low_level, "hash_secret", wait)
    yield blocked
    blocked.released.set()
    blocked.hasher.close()


class TestHash:
    async def test_is_argon2id_at_the_stated_cost(self, hasher: PasswordHasher) -> None:
        password_hash = await hasher.hash(PASSWORD)
        assert password_hash.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        parameters = argon2.extract_parameters(password_hash)
        assert (parameters.salt_len, parameters.hash_len) == (16, 32)

    async def test_another_implementation_verifies_it(self, hasher: PasswordHasher) -> None:
        assert argon2.PasswordHasher().verify(await hasher.hash(PASSWORD), PASSWORD)

    async def test_has_its_own_salt(self, hasher: PasswordHasher) -> None:
        assert await hasher.hash(PASSWORD) != await hasher.hash(PASSWORD)

    @pytest.mark.parametrize("password", CANNOT_BE_HASHED)
    async def test_refuses_what_argon2_cannot_take(
        self, hasher: PasswordHasher, password: str
    ) -> None:
        with pytest.raises(ValueError, match=r"surrogates|maximum") as error:
            await hasher.hash(password)
        assert password not in str(error.value)


class TestVerify:
    @given(st.text(st.characters(exclude_categories=["Cs"])))
    @example("")
    @example("nul\0nul")
    @example("x")
    @example("y" * 4096)
    @example("\U0001f642" * 4096)
    async def test_takes_what_was_hashed_and_nothing_else(
        self, hasher: PasswordHasher, password: str
    ) -> None:
        password_hash = await hasher.hash(password)
        assert await hasher.verify(password, password_hash)
        other = ("y" if password.startswith("x") else "x") + password[1:]
        assert not await hasher.verify(other, password_hash)

    async def test_takes_no_password_for_an_unknown_account(self, hasher: PasswordHasher) -> None:
        for password in (PASSWORD, ""):
            assert not await hasher.verify(password, None)

    @pytest.mark.parametrize("known", [True, False])
    @pytest.mark.parametrize("password", ["wrong", "", "\0", "x" * 4096, *CANNOT_BE_HASHED])
    async def test_every_no_costs_the_same(
        self, hasher: PasswordHasher, computed: list[str], password: str, known: bool
    ) -> None:
        password_hash = await hasher.hash(PASSWORD) if known else None
        assert not await hasher.verify(password, password_hash)
        assert computed == ["$argon2id$v=19$m=19456,t=2,p=1"]

    @pytest.mark.parametrize("cost", OTHER_COSTS)
    async def test_takes_hashes_of_other_costs(
        self, hasher: PasswordHasher, cost: dict[str, Any]
    ) -> None:
        password_hash = argon2.PasswordHasher(**cost).hash(PASSWORD)
        assert await hasher.verify(PASSWORD, password_hash)


class TestPool:
    async def test_the_event_loop_goes_on(self, hasher: PasswordHasher) -> None:
        hashing = asyncio.gather(*(hasher.hash(PASSWORD) for _ in range(8)))
        gaps = []
        last = time.perf_counter()
        while not hashing.done():
            await asyncio.sleep(0)
            last, before = time.perf_counter(), last
            gaps.append(last - before)
        # A hash takes 20 ms: were it made in the loop, there would be some eight gaps, all longer.
        assert len(gaps) > 100
        assert sorted(gaps)[len(gaps) * 99 // 100] < 0.01

    async def test_no_more_than_64_wait(self, blocked: Blocked) -> None:
        tasks = await blocked.start(65)
        with pytest.raises(PasswordHashingBusy) as busy:
            await blocked.hasher.hash(PASSWORD)
        with pytest.raises(PasswordHashingBusy):
            await blocked.hasher.verify(PASSWORD, None)
        assert (busy.value.status, busy.value.code) == (503, "password_hashing_busy")
        assert busy.value.headers == {"Retry-After": "1"}
        blocked.released.set()
        assert len(await asyncio.gather(*tasks)) == 65
        assert await blocked.hasher.hash(PASSWORD)

    async def test_who_gives_up_takes_nobodys_place(self, blocked: Blocked) -> None:
        given_up = await blocked.start(65)
        for task in given_up:
            task.cancel()
        await asyncio.wait(given_up)
        assert all(task.cancelled() for task in given_up)
        # The thread is still at the first one, and none of the others wait.
        tasks = await blocked.start(65)
        with pytest.raises(PasswordHashingBusy):
            await blocked.hasher.hash(PASSWORD)
        blocked.released.set()
        first, *_ = await asyncio.gather(*tasks)
        assert await blocked.hasher.verify(PASSWORD, first)

    async def test_close_finishes_what_runs_and_drops_what_waits(self, blocked: Blocked) -> None:
        running, waiting = await blocked.start(2)
        closing = asyncio.create_task(asyncio.to_thread(blocked.hasher.close))
        await asyncio.wait([waiting])
        assert waiting.cancelled()
        blocked.released.set()
        await closing
        assert await running
        with pytest.raises(RuntimeError):
            await blocked.hasher.hash(PASSWORD)
