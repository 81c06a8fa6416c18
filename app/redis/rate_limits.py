"""Who may call how often: the generic cell rate algorithm, counted in Redis by its own clock.

Of each caller one instant is kept: when it will have its whole quota back. A call moves it on by
one call's share; it may not be further ahead than a whole quota takes. That lets a burst through
and then a steady rate, and there is no window whose edge would let two bursts through.

While Redis is away, what a limit says is counted in this process where it `holds_without_redis`;
the rest lets through.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import ceil
from typing import Any

from app.core.errors import AppError
from app.core.settings import Settings
from app.redis.address import Command
from app.redis.client import Redis, RedisAway

_SECOND = 1_000_000  # in Redis's microseconds
_MAX_REMEMBERED = 100_000

# Milliseconds for which a count is kept although it says nothing any more: longer than any page of
# the cache is, so that Redis, when it is full, drops those first (`volatile-ttl`).
_KEPT = 3_600_000

# KEYS: whom it is about. ARGV: microseconds that a call takes, and that the quota takes; and _KEPT.
# Gives whether it is let through, and the microseconds until the whole quota is there.
_SCRIPT = b"""
local now = redis.call('TIME')
now = now[1] * 1000000 + now[2]
local share, quota = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = tonumber(redis.call('GET', KEYS[1]) or 0)
if full < now then full = now end
if full + share - now > quota then return {0, full - now} end
full = full + share
local kept = math.ceil((full - now) / 1000) + ARGV[3]
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', kept)
return {1, full - now}
"""

# One call is given back, if it still counts.
_GIVE_BACK = b"""
local full = tonumber(redis.call('GET', KEYS[1]) or 0) - ARGV[1]
if full > 0 then redis.call('SET', KEYS[1], string.format('%.0f', full), 'KEEPTTL') end
"""


class RateLimited(AppError):
    """RFC 6585, section 4."""

    status = 429
    code = "rate_limited"
    title = "Too many requests"

    def __init__(self, retry_after: int) -> None:
        super().__init__(
            f"Try again in {retry_after} s.",
            params={"retry_after": retry_after},
            headers={"Retry-After": str(retry_after)},
        )


class Limit:
    """So many calls at once, and then `per_second` for long, of each caller.

    `name` is that of the policy in `RateLimit-Policy`. `allowed` and `refused` count the calls of
    all callers that this process has asked about.
    """

    def __init__(
        self, name: str, quota: int, per_second: float, *, holds_without_redis: bool = False
    ) -> None:
        self.name = name.encode()
        self.quota = quota
        # Microseconds that one call takes up, and all of them.
        self.share = ceil(_SECOND / per_second)
        self.span = quota * self.share
        self.holds_without_redis = holds_without_redis
        self.allowed = self.refused = 0
        policy = b'"%b";q=%d;w=%d' % (self.name, quota, ceil(quota / per_second))
        self.policy = (b"ratelimit-policy", policy)

    def count(self, *, is_allowed: bool) -> None:
        """Count what it said to a call."""
        if is_allowed:
            self.allowed += 1
        else:
            self.refused += 1


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
        remaining = max(0, limit.span - self.full_in) // limit.share
        seconds = -(-self.full_in // _SECOND)
        return limit.policy, (b"ratelimit", b'"%b";r=%d;t=%d' % (limit.name, remaining, seconds))

    def enforce(self) -> None:
        """Raise `RateLimited` if the call is one too many."""
        if not self.is_allowed:
            over = self.full_in + self.limit.share - self.limit.span
            raise RateLimited(max(1, ceil(over / _SECOND)))


def question(limit: Limit, caller: bytes) -> Command:
    """What to tell Redis of a call by `caller`; `read` understands the reply."""
    return ("EVAL", _SCRIPT, 1, _key(limit, caller), limit.share, limit.span, _KEPT)


def giving_back(limit: Limit, caller: bytes) -> Command:
    """What to tell Redis so that a call does not count."""
    return ("EVAL", _GIVE_BACK, 1, _key(limit, caller), limit.share)


def read(limit: Limit, reply: Any) -> Verdict | None:
    """What Redis says; None if it has nothing to say (out of memory, read-only)."""
    if not isinstance(reply, list):
        return None
    allowed, full_in = reply
    return Verdict(limit, bool(allowed), full_in)


def _key(limit: Limit, caller: bytes) -> bytes:
    return b"tickbox:limit:%b:%b" % (limit.name, caller)


class LocalCounts:
    """The same, counted in this process alone."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        # When each caller has its whole quota back; those that called last are at the end.
        self._full: OrderedDict[bytes, int] = OrderedDict()

    def take(self, limit: Limit, caller: bytes) -> Verdict:
        """Count a call."""
        key = _key(limit, caller)
        now = int(self._clock() * _SECOND)
        full = max(self._full.get(key, 0), now)
        if full + limit.share - now > limit.span:
            return Verdict(limit, is_allowed=False, full_in=full - now)
        self._full[key] = full + limit.share
        self._full.move_to_end(key)
        if len(self._full) > _MAX_REMEMBERED:
            self._full.popitem(last=False)
        return Verdict(limit, is_allowed=True, full_in=full + limit.share - now)

    def give_back(self, limit: Limit, caller: bytes) -> None:
        """Let a call not count."""
        key = _key(limit, caller)
        if key in self._full:
            self._full[key] -= limit.share


class Counts:
    """Calls, counted in Redis, or here where a limit holds without it."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._local = LocalCounts()

    def judge(self, limit: Limit, caller: bytes, replies: Iterator[Any]) -> Verdict | None:
        """What Redis says in its next reply; if it says nothing of use, what this process says.

        It is counted in the limit, for the metrics.
        """
        verdict = read(limit, next(replies, None))
        if verdict is None and limit.holds_without_redis:
            verdict = self._local.take(limit, caller)
        if verdict is not None:
            limit.count(is_allowed=verdict.is_allowed)
        return verdict

    async def take(self, limit: Limit, caller: bytes) -> "QuotaReservation":
        """Count a call. Raises `RateLimited`."""
        replies: list[Any] = []
        with suppress(RedisAway):
            replies = await self._redis.run(question(limit, caller))
        verdict = self.judge(limit, caller, iter(replies))
        if verdict is not None:
            verdict.enforce()
        in_redis = bool(replies) and read(limit, replies[0]) is not None
        return QuotaReservation(self, limit, caller, in_redis)

    def give_back(self, limit: Limit, caller: bytes, *, in_redis: bool) -> None:
        """Let a call that was counted there or here not count."""
        if in_redis:
            self._redis.tell(giving_back(limit, caller))
        else:
            self._local.give_back(limit, caller)


@dataclass(frozen=True, slots=True)
class QuotaReservation:
    """A call that was counted."""

    counts: Counts
    limit: Limit
    caller: bytes
    in_redis: bool

    def give_back(self) -> None:
        """Let it not count."""
        self.counts.give_back(self.limit, self.caller, in_redis=self.in_redis)
