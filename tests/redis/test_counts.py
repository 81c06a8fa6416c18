"""How calls are counted, in Redis and without it."""

import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import RateLimited
from app.redis.client import Redis
from app.redis.rate_limits import Counts, Limit, Verdict, take_command

# Where no Redis is.
GONE = "redis://127.0.0.1:1"


class LocalCounts(Counts):
    """Without Redis."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(Redis(GONE), clock)

    def count(self, limit: Limit, caller: bytes) -> Verdict:
        limit.holds_without_redis = True
        verdict = self.judge(limit, caller, iter(()))
        assert verdict is not None
        return verdict


class Ticks:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@given(
    quota=st.integers(1, 5),
    per_second=st.sampled_from([1 / 3, 1.0, 2.0]),
    pauses=st.lists(st.sampled_from([0.0, 0.25, 1.0, 4.0]), max_size=60),
)
def test_a_limit_lets_through_its_quota_and_then_its_rate(
    quota: int, per_second: float, pauses: list[float]
) -> None:
    """The same as a bucket of tokens that is filled at the rate."""
    clock = Ticks()
    counts, limit = LocalCounts(clock), Limit("law", quota, per_second)
    tokens = float(quota)
    for pause in pauses:
        clock.now += pause
        tokens = min(quota, tokens + pause * per_second)
        verdict = counts.count(limit, b"ada")
        # A share is rounded up to a microsecond.
        if abs(tokens - 1) > 1e-4:
            assert verdict.is_allowed == (tokens > 1)
        if verdict.is_allowed:
            tokens -= 1
        assert verdict.full_in <= limit.burst_tolerance


@given(calls=st.lists(st.sampled_from([b"ada", b"bob"]), max_size=25))
async def test_redis_and_this_process_count_alike(app: FastAPI, calls: list[bytes]) -> None:
    # So slow that the clocks do not matter.
    limit, local, here = Limit(f"l-{uuid4().hex}", 7, 0.001), LocalCounts(), str(uuid4()).encode()
    for caller in calls:
        [reply] = await app.state.redis.run(take_command(limit, here + caller))
        there = Verdict(limit, *reply)
        assert there.is_allowed == local.count(limit, here + caller).is_allowed


async def test_what_is_given_back_in_part_does_not_stay_for_ever(app: FastAPI) -> None:
    limit, caller = Limit(f"part-{uuid4().hex}", 7, 1.0), b"ada"
    first, _ = [await app.state.request_gate.counts.take(limit, caller) for _ in range(2)]
    first()
    [reply] = await app.state.redis.run(take_command(limit, caller))
    there = Verdict(limit, *reply)
    assert 1_000_000 < there.full_in <= 2_000_000
    first()
    key = take_command(limit, caller)[3]
    [left] = await app.state.redis.run(("PTTL", key))
    assert 0 < left <= 3_602_000


def test_only_so_many_callers_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.redis.rate_limits._MAX_REMEMBERED", 3)
    counts, limit = LocalCounts(), Limit("few", 1, 0.001)
    for caller in (b"a", b"b", b"c", b"d"):
        assert counts.count(limit, caller).is_allowed
    assert not counts.count(limit, b"d").is_allowed
    assert counts.count(limit, b"a").is_allowed


def test_what_is_left_is_said_in_whole_calls_and_begun_seconds() -> None:
    clock = Ticks()
    counts, limit = LocalCounts(clock), Limit("said", 4, 2.0)
    said = []
    for _ in range(4):
        clock.now += 0.125
        said.append(counts.count(limit, b"ada").headers()[1][1])
    assert said == [b'"said";r=3;t=1', b'"said";r=2;t=1', b'"said";r=1;t=2', b'"said";r=0;t=2']
    for pause, seconds in ((0.0, 1), (0.01, 1)):
        clock.now += pause
        with pytest.raises(RateLimited) as refused:
            counts.count(limit, b"ada").enforce()
        assert refused.value.params == {"retry_after": seconds}
