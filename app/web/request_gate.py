"""Authenticates, rate-limits and tries the cache before a body is read; one round trip to Redis.

Without Redis nothing comes from the cache, and only limits that count in this process too refuse
anybody. No other module reads `Authorization`.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

from starlette.types import Scope

from app.core.addresses import address_of
from app.core.errors import AppError, InsufficientScope, MalformedRequest, NotAuthenticated
from app.core.schemas import Representation
from app.core.settings import Settings
from app.database.unit_of_work import UnitOfWork
from app.redis.client import Redis
from app.redis.connection import RedisAway
from app.redis.rate_limits import Counts, Limit, LimitPolicy, take_command
from app.redis.response_cache import Cache, CacheEntryKey
from app.security.principal import Authenticator, Principal
from app.web.body_buffering import Body
from app.web.preconditions import NO_PRECONDITIONS, Preconditions
from app.web.response_headers import Header

Caller = tuple[Limit, bytes]


@dataclass(slots=True)
class RequestState:
    """What is known of one request so far; `RequestMiddleware` puts it into the scope.

    `headers` are those of every answer to it. `cache_slot` is where the cache keeps the answer,
    None if it does not; `unit_of_work` is that of a write.
    """

    request_id: str
    headers: list[Header]
    body: Body
    principal: Principal | None = None
    preconditions: Preconditions = NO_PRECONDITIONS
    cache_slot: CacheEntryKey | None = None
    unit_of_work: UnitOfWork | None = None


def request_state(scope: Scope) -> RequestState:
    """The state of the request that has this scope."""
    state: RequestState = scope["tickbox"]
    return state


@dataclass(frozen=True, slots=True)
class AccessPolicy:
    """What a route asks of a request.

    The token needs all of these `scopes`; None: no token is needed. `limit` is by address, in
    addition to the one that all routes have. The answer may be `cached`.
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
        """All limits that it asks about."""
        return [self._user, self._address, *self._limits.values()]

    async def admit(self, scope: Scope, policy: AccessPolicy) -> Representation | None:
        """The answer, if the cache has it; else the request's state says where to keep it.

        Who asks, and what is left of the limits, is in the state in any case. Raises
        `Unauthorized`, `MalformedRequest`, `InsufficientScope`, `RateLimited`.
        """
        state = request_state(scope)
        refusal: AppError | None = None
        if policy.scopes is not None:
            try:
                state.principal = await self._authenticator.authenticate(_bearer_token(scope))
            except AppError as error:
                # Raised once it is counted: a bad token is a call without a user.
                refusal = error
        principal = state.principal
        callers = self._callers(scope, policy, principal)
        if callers:
            state.body.charge_to(callers[0][1], is_public=principal is None)
        commands = [take_command(*caller) for caller in callers]
        asks_cache = False
        if policy.cached and principal is not None and self._cache.is_on:
            asks_cache = True
            commands.append(
                self._cache.get_command(principal, scope["path"], scope["query_string"])
            )
        replies: list[Any] = []
        if commands:
            with suppress(RedisAway):
                replies = await self._redis.run(*commands)
        self._enforce(callers, replies, state)
        if refusal is not None:
            raise refusal
        if principal is not None and policy.scopes and not policy.scopes <= principal.scopes:
            raise InsufficientScope(sorted(policy.scopes - principal.scopes))
        if asks_cache and replies:
            found = self._cache.read(commands[-1], replies[-1])
            if isinstance(found, Representation):
                return found
            state.cache_slot = found
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

    def _enforce(self, callers: list[Caller], replies: list[Any], state: RequestState) -> None:
        """Say what is left of each limit, and raise `RateLimited` where nothing is."""
        left = iter(replies)
        verdicts = [self._counts.judge(*caller, left) for caller in callers]
        for verdict in verdicts:
            if verdict is not None:
                state.headers += verdict.headers()
        for verdict in verdicts:
            if verdict is not None:
                verdict.enforce()


def _bearer_token(scope: Scope) -> str:
    """The access token that a request brings. Raises `NotAuthenticated`, `MalformedRequest`."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if not values:
        raise NotAuthenticated
    if len(values) > 1:
        raise MalformedRequest(
            "The Authorization header was sent more than once.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_request"'},
        )
    scheme, _, token = values[0].decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated
    return str(token.strip(" "))


@lru_cache(maxsize=10_000)
def _network(address: str) -> bytes:
    """Whose address it is: one of IPv6 is that of its /64, which is the least that anybody has."""
    ip = address_of(address)
    if ip is None:
        return address.encode()
    if isinstance(ip, IPv6Address):
        return IPv6Address(int(ip) >> 64 << 64).packed
    return ip.packed
