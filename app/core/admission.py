"""Before a request is read: who asks, whether they may so often, and whether the answer is known.

All that Redis has to say to it is one round trip. Without Redis nobody is kept out, but for what a
limit counts in this process then, and nothing comes from the cache.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

from starlette.types import Scope

from app.core.addresses import address_of
from app.core.authentication import Authenticator, Principal, bearer_token
from app.core.cache import Cache, Page
from app.core.config import Settings
from app.core.errors import AppError, InsufficientScope
from app.core.ratelimit import Limit, LocalCounts, Verdict, giving_back, question, read
from app.core.redis import Redis, RedisAway

Caller = tuple[Limit, bytes]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that routes and services name."""

    user: Limit
    address: Limit
    sign_up: Limit
    sign_in: Limit
    sign_in_failures: Limit
    account_failures: Limit

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """As they are set."""
        sign_ups = settings.limit_sign_ups_per_minute
        sign_ins = settings.limit_sign_ins_per_minute
        failures = settings.limit_sign_in_failures_per_minute
        account_failures = settings.limit_account_failures_per_minute
        return cls(
            user=Limit("user", settings.limit_user_burst, settings.limit_user_per_second),
            address=Limit(
                "address", settings.limit_address_burst, settings.limit_address_per_second
            ),
            sign_up=Limit("sign-up", sign_ups, sign_ups / 60),
            sign_in=Limit("sign-in", sign_ins, sign_ins / 60, holds_without_redis=True),
            sign_in_failures=Limit(
                "sign-in-failures", failures, failures / 60, holds_without_redis=True
            ),
            account_failures=Limit(
                "account-failures",
                account_failures,
                account_failures / 60,
                holds_without_redis=True,
            ),
        )

    def all(self) -> list[Limit]:
        """Each of them."""
        return [getattr(self, field.name) for field in fields(self)]


@dataclass(frozen=True, slots=True)
class Terms:
    """On what a route lets a request in.

    `scopes` are those that its token needs, all of them; None: it needs no token. `limit` is a
    limit by address, in addition to the one that all have; the answer may be `cached`.
    """

    scopes: frozenset[str] | None
    is_limited: bool
    limit: str | None = None
    cached: bool = False


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

    async def take(self, limit: Limit, caller: bytes) -> "Taken":
        """Count a call. Raises `RateLimited`."""
        replies: list[Any] = []
        with suppress(RedisAway):
            replies = await self._redis.run(question(limit, caller))
        verdict = self.judge(limit, caller, iter(replies))
        if verdict is not None:
            verdict.enforce()
        in_redis = bool(replies) and read(limit, replies[0]) is not None
        return Taken(self, limit, caller, in_redis)

    def give_back(self, limit: Limit, caller: bytes, *, in_redis: bool) -> None:
        """Let a call that was counted there or here not count."""
        if in_redis:
            self._redis.tell(giving_back(limit, caller))
        else:
            self._local.give_back(limit, caller)


@dataclass(frozen=True, slots=True)
class Taken:
    """A call that was counted."""

    counts: Counts
    limit: Limit
    caller: bytes
    in_redis: bool

    def give_back(self) -> None:
        """Let it not count."""
        self.counts.give_back(self.limit, self.caller, in_redis=self.in_redis)


class Admission:
    """The way in, in one process."""

    def __init__(
        self,
        authenticator: Authenticator,
        limits: Limits,
        counts: Counts,
        redis: Redis,
        cache: Cache,
    ) -> None:
        self._authenticator = authenticator
        self._limits = limits
        self._counts = counts
        self._redis = redis
        self._cache = cache

    async def admit(self, scope: Scope, terms: Terms) -> Page | None:
        """The answer, if it is known; else `scope["state"]` has the `slot` in which to keep it.

        It has the `principal` too, and the `headers` that every answer to this request carries.
        Raises `Unauthorized`, `MalformedRequest`, `InsufficientScope`, `RateLimited`.
        """
        state = scope["state"]
        principal, refusal = await self._authenticate(scope, terms)
        callers = self._callers(scope, terms, principal)
        commands = [question(*caller) for caller in callers]
        wants_page = terms.cached and self._cache.is_on and principal is not None
        if wants_page:
            assert principal is not None
            commands.append(self._cache.question(principal, scope["path"], scope["query_string"]))
        replies: list[Any] = []
        if commands:
            with suppress(RedisAway):
                replies = await self._redis.run(*commands)
        judged = iter(replies)
        _enforce([self._counts.judge(*caller, judged) for caller in callers], state["headers"])
        if refusal is not None:
            raise refusal
        if principal is not None:
            missing = (terms.scopes or frozenset()) - principal.scopes
            if missing:
                raise InsufficientScope(sorted(missing))
        if wants_page and replies:
            known = self._cache.read(commands[-1], replies[-1])
            if isinstance(known, Page):
                return known
            if known is not None:
                state["slot"] = known
        return None

    async def _authenticate(
        self, scope: Scope, terms: Terms
    ) -> tuple[Principal | None, AppError | None]:
        """Who asks, and why not: a token that is no good counts too, as a call of nobody's."""
        if terms.scopes is None:
            return None, None
        try:
            principal = await self._authenticator.authenticate(bearer_token(scope))
        except AppError as error:
            return None, error
        # Also for one that is refused: the log says who it was.
        scope["state"]["principal"] = principal
        return principal, None

    def _callers(self, scope: Scope, terms: Terms, principal: Principal | None) -> list[Caller]:
        """Each limit that counts, and whose calls it counts."""
        if not terms.is_limited:
            return []
        if principal is not None:
            return [(self._limits.user, principal.user_id.bytes)]
        address = _network((scope.get("client") or ("",))[0])
        callers = [(self._limits.address, address)]
        if terms.limit is not None:
            callers.append((getattr(self._limits, terms.limit), address))
        return callers


def _enforce(verdicts: list[Verdict | None], headers: list[tuple[bytes, bytes]]) -> None:
    """Say what is left, and raise `RateLimited` where nothing is."""
    said = [verdict for verdict in verdicts if verdict is not None]
    for verdict in said:
        headers += verdict.headers()
    for verdict in said:
        verdict.enforce()


@lru_cache(maxsize=10_000)
def _network(address: str) -> bytes:
    """Whose address it is: one of IPv6 is that of its /64, which is the least that anybody has."""
    ip = address_of(address)
    if ip is None:
        return address.encode()
    if isinstance(ip, IPv6Address):
        return IPv6Address(int(ip) >> 64 << 64).packed
    return ip.packed
