"""Authenticates, rate-limits and tries the cache, before anything of a request is read.

All that Redis has to say to it is one round trip. Without Redis nobody is kept out, but for what a
limit counts in this process then, and nothing comes from the cache.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

from starlette.types import Scope

from app.core.addresses import address_of
from app.core.errors import AppError, InsufficientScope
from app.core.settings import Settings
from app.redis.client import Redis
from app.redis.connection import RedisAway
from app.redis.rate_limits import Counts, Limit, LimitPolicy, Verdict, take_command
from app.redis.response_cache import Cache, Page
from app.security.principal import Authenticator, Principal
from app.web.bearer import bearer_token
from app.web.request_state import RequestState, request_state

Caller = tuple[Limit, bytes]


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """On what a route lets a request in.

    `scopes` are those that its token needs, all of them; None: it needs no token. `limit` is a
    limit by address, in addition to the one that all have; the answer may be `cached`.
    """

    scopes: frozenset[str] | None
    is_limited: bool
    limit: LimitPolicy | None
    cached: bool


class RequestGate:
    """Lets requests in, in one process."""

    def __init__(
        self,
        authenticator: Authenticator,
        settings: Settings,
        limits: Mapping[LimitPolicy, Limit],
        counts: Counts,
        redis: Redis,
        cache: Cache,
    ) -> None:
        self._authenticator = authenticator
        self._user = Limit("user", settings.limit_user_burst, settings.limit_user_per_second)
        self._address = Limit(
            "address", settings.limit_address_burst, settings.limit_address_per_second
        )
        self._limits = limits
        self._counts = counts
        self._redis = redis
        self._cache = cache

    @property
    def limits(self) -> list[Limit]:
        """All that it asks about."""
        return [self._user, self._address, *self._limits.values()]

    async def admit(self, scope: Scope, policy: AccessPolicy) -> Page | None:
        """The answer, if it is known; else the request's state says where to keep it.

        Who asks, and what is left of the limits, is in the state in any case. Raises
        `Unauthorized`, `MalformedRequest`, `InsufficientScope`, `RateLimited`.
        """
        state = request_state(scope)
        refusal = await self._authenticate(scope, state, policy)
        principal = state.principal
        callers = self._callers(scope, policy, principal)
        if callers:
            state.body.charge_to(callers[0][1], is_public=principal is None)
        commands = [take_command(*caller) for caller in callers]
        wants_page = policy.cached and self._cache.is_on and principal is not None
        if wants_page:
            assert principal is not None
            commands.append(
                self._cache.get_command(principal, scope["path"], scope["query_string"])
            )
        replies: list[Any] = []
        if commands:
            with suppress(RedisAway):
                replies = await self._redis.run(*commands)
        judged = iter(replies)
        _enforce([self._counts.judge(*caller, judged) for caller in callers], state)
        if refusal is not None:
            raise refusal
        if principal is not None:
            missing = (policy.scopes or frozenset()) - principal.scopes
            if missing:
                raise InsufficientScope(sorted(missing))
        if wants_page and replies:
            known = self._cache.read(commands[-1], replies[-1])
            if isinstance(known, Page):
                return known
            state.cache_slot = known
        return None

    async def _authenticate(
        self, scope: Scope, state: RequestState, policy: AccessPolicy
    ) -> AppError | None:
        """Learn who asks; gives why not: a bad token counts too, as a call of nobody's."""
        if policy.scopes is None:
            return None
        try:
            # Kept also for one that is refused: the log says who it was.
            state.principal = await self._authenticator.authenticate(bearer_token(scope))
        except AppError as error:
            return error
        return None

    def _callers(
        self, scope: Scope, policy: AccessPolicy, principal: Principal | None
    ) -> list[Caller]:
        """Each limit that counts, and whose calls it counts."""
        if not policy.is_limited:
            return []
        if principal is not None:
            return [(self._user, principal.user_id.bytes)]
        address = _network((scope.get("client") or ("",))[0])
        callers = [(self._address, address)]
        if policy.limit is not None:
            callers.append((self._limits[policy.limit], address))
        return callers


def _enforce(verdicts: list[Verdict | None], state: RequestState) -> None:
    """Say what is left, and raise `RateLimited` where nothing is."""
    said = [verdict for verdict in verdicts if verdict is not None]
    for verdict in said:
        state.headers += verdict.headers()
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
