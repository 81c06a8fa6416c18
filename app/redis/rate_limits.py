"""Rate limits by the generic cell rate algorithm (GCRA), counted in Redis by Redis's own clock.

For each caller Redis keeps one instant: when the caller will have its whole quota back. A call
moves it on by the emission interval, which is the time in which one call is earned again. A call
that would move it further ahead than the burst tolerance is refused. So a burst passes, then a
steady rate, and there is no window at whose edge two bursts would pass.

While Redis is away, a limit that `holds_without_redis` is counted in this process; the others let
every call through.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

from app.core.errors import RateLimited
from app.core.settings import Settings
from app.redis.client import Redis
from app.redis.connection import Command, RedisAway

# Gives a call back that was counted.
Refund = Callable[[], None]

_SECOND = 1_000_000  # in Redis's microseconds
_MAX_REMEMBERED = 100_000

# Milliseconds for which a count outlives its use: more than any page of the cache lives, so that
# Redis, when it is full, drops pages first (`volatile-ttl`).
_KEPT = 3_600_000

# KEYS: the caller. ARGV: the emission interval and the burst tolerance, in microseconds; and _KEPT.
# Returns whether the call is allowed, and the microseconds until the whole quota is there.
_SCRIPT = b"""
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local interval, tolerance = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or 0)
if full < now then full = now end
if full + interval - now > tolerance then return {0, full - now} end
full = full + interval
local kept = math.ceil((full - now) / 1000) + ARGV[3]
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', kept)
return {1, full - now}
"""

# Give a call back, if it still counts. ARGV: the emission interval.
_REFUND = b"""
local full = tonumber(redis.call('GET', KEYS[1]) or 0) - ARGV[1]
if full > 0 then redis.call('SET', KEYS[1], string.format('%.0f', full), 'KEEPTTL') end
"""


class Limit:
    """Each caller's `quota` of calls at once, and then `per_second`.

    `name` is the policy's in `RateLimit-Policy`. `allowed` and `refused` count all callers' calls
    in this process, for the metrics.
    """

    def __init__(
        self, name: str, quota: int, per_second: float, *, holds_without_redis: bool = False
    ) -> None:
        self.name = name.encode()
        self.quota = quota
        # In microseconds, as GCRA calls them.
        self.emission_interval = ceil(_SECOND / per_second)
        self.burst_tolerance = quota * self.emission_interval
        self.holds_without_redis = holds_without_redis
        self.allowed = self.refused = 0
        policy = b'"%b";q=%d;w=%d' % (self.name, quota, ceil(quota / per_second))
        self.policy = (b"ratelimit-policy", policy)


@dataclass(frozen=True, slots=True)
class LimitPolicy:
    """A limit that a feature declares, and how many calls a minute the settings allow."""

    name: str
    per_minute: Callable[[Settings], int]
    holds_without_redis: bool = False

    def limit(self, settings: Settings) -> Limit:
        """The limit, for one process."""
        calls = self.per_minute(settings)
        return Limit(self.name, calls, calls / 60, holds_without_redis=self.holds_without_redis)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a limit says to a call, and the microseconds until the caller's whole quota is there."""

    limit: Limit
    is_allowed: bool
    full_in: int

    def headers(self) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
        """`RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers)."""
        limit = self.limit
        remaining = max(0, limit.burst_tolerance - self.full_in) // limit.emission_interval
        seconds = -(-self.full_in // _SECOND)
        return limit.policy, (b"ratelimit", b'"%b";r=%d;t=%d' % (limit.name, remaining, seconds))

    def enforce(self) -> None:
        """Raise `RateLimited` if the call is one too many."""
        if not self.is_allowed:
            over = self.full_in + self.limit.emission_interval - self.limit.burst_tolerance
            raise RateLimited(max(1, ceil(over / _SECOND)))


def take_command(limit: Limit, caller: bytes) -> Command:
    """The command that counts a call by `caller`; its reply is what a `Verdict` says."""
    interval, tolerance = limit.emission_interval, limit.burst_tolerance
    return ("EVAL", _SCRIPT, 1, _key(limit, caller), interval, tolerance, _KEPT)


def _key(limit: Limit, caller: bytes) -> bytes:
    return b"tickbox:limit:%b:%b" % (limit.name, caller)


class Counts:
    """Calls, counted in Redis, or in this process where a limit holds without it."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._clock = clock
        # When each caller has its whole quota here back; those that called last are at the end.
        self._full: OrderedDict[bytes, int] = OrderedDict()

    def judge(self, limit: Limit, caller: bytes, replies: Iterator[Any]) -> Verdict | None:
        """The verdict in Redis's next reply, or this process's own where there is none."""
        reply = next(replies, None)
        if reply is not None:
            verdict = Verdict(limit, *reply)
        elif limit.holds_without_redis:
            verdict = self._take_here(limit, _key(limit, caller))
        else:
            return None
        if verdict.is_allowed:
            limit.allowed += 1
        else:
            limit.refused += 1
        return verdict

    async def take(self, limit: Limit, caller: bytes) -> Refund:
        """Count a call. Raises `RateLimited`."""
        replies: list[Any] = []
        with suppress(RedisAway):
            replies = await self._redis.run(take_command(limit, caller))
        verdict = self.judge(limit, caller, iter(replies))
        if verdict is not None:
            verdict.enforce()
        key = _key(limit, caller)
        if not replies:
            return partial(self._refund_here, limit, key)
        return partial(self._redis.tell, ("EVAL", _REFUND, 1, key, limit.emission_interval))

    def _take_here(self, limit: Limit, key: bytes) -> Verdict:
        now = int(self._clock() * _SECOND)
        full = max(self._full.get(key, 0), now)
        is_allowed = full + limit.emission_interval - now <= limit.burst_tolerance
        if is_allowed:
            full += limit.emission_interval
            self._full[key] = full
            self._full.move_to_end(key)
            if len(self._full) > _MAX_REMEMBERED:
                self._full.popitem(last=False)
        return Verdict(limit, is_allowed, full - now)

    def _refund_here(self, limit: Limit, key: bytes) -> None:
        if key in self._full:
            self._full[key] -= limit.emission_interval
