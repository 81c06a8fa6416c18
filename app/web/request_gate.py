"""Authenticates, rate-limits and tries the cache before a body is read; one round trip to Redis.

Without Redis nothing comes from the cache, and only limits that count in this process too refuse
anybody. No other module reads `Authorization`.
"""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from starlette.types import Scope

from app.core.addresses import network_of
from app.core.context import Expected
from app.core.errors import AppError, InsufficientScope, MalformedRequest, NotAuthenticated
from app.core.schemas import Representation
from app.database.unit_of_work import UnitOfWork
from app.redis.client import Redis
from app.redis.connection import RedisAway
from app.redis.rate_limits import Counts, Limit, LimitPolicy, take_command
from app.redis.response_cache import Cache, CacheEntryKey
from app.security.principal import Principal
from app.web.body_buffering import Body
from app.web.response_headers import Header

Caller = tuple[Limit, bytes]
Scopes = frozenset[str]


@dataclass(slots=True)
class RequestState:
    """What is known of one request so far; `RequestMiddleware` puts it into the scope.

    `headers` are those of every answer to it. `cache_slot` is where the cache keeps the answer,
    None if it does not; `unit_of_work` is that of a write.
    """

    request_id: str
    headers: list[Header]
    body: Body
    preconditions: Expected
    principal: Principal | None = None
    cache_slot: CacheEntryKey | None = None
    unit_of_work: UnitOfWork | None = None

    @property
    def user_id(self) -> UUID | None:
        """Who asks, if anybody is known to."""
        return None if self.principal is None else self.principal.user_id


def request_state(scope: Scope) -> RequestState:
    """The state of the request that has this scope."""
    state: RequestState = scope["tickbox"]
    return state


@dataclass
class RequestGate:
    """Lets requests in, in one process; `limits` are those of the routes that have one more.

    `authenticate` says whose token it is given. Raises `Unauthorized`.
    """

    authenticate: Callable[[str], Awaitable[Principal]]
    user: Limit
    address: Limit
    limits: Mapping[LimitPolicy, Limit]
    counts: Counts
    redis: Redis
    cache: Cache

    async def admit(
        self, scope: Scope, scopes: Scopes | None, limit: LimitPolicy | None, *, is_cached: bool
    ) -> Representation | None:
        """The answer, if the cache has it; else the request's state says where to keep it.

        The token needs all of these `scopes`; None: no token is needed, and then `limit` is by
        address, in addition to the one that all routes have. Who asks, and what is left of the
        limits, is in the state in any case. Raises `Unauthorized`, `MalformedRequest`,
        `InsufficientScope`, `RateLimited`.
        """
        state = request_state(scope)
        refusal: AppError | None = None
        if scopes is not None:
            try:
                state.principal = await self.authenticate(_bearer_token(scope))
            except AppError as error:
                # Raised once it is counted: a bad token is a call without a user.
                refusal = error
        principal = state.principal
        callers = self._callers(scope, principal, limit)
        state.body.charge_to(callers[0][1], is_public=principal is None)
        commands = [take_command(*caller) for caller in callers]
        if is_cached and principal is not None and self.cache.is_on:
            commands.append(self.cache.get_command(principal, scope["path"], scope["query_string"]))
        replies: list[Any] = []
        with suppress(RedisAway):
            replies = await self.redis.run(*commands)
        self._enforce(callers, replies, state)
        if refusal is not None:
            raise refusal
        if principal is not None and scopes and not scopes <= principal.scopes:
            raise InsufficientScope(sorted(scopes - principal.scopes))
        if len(replies) > len(callers):
            found = self.cache.read(commands[-1], replies[-1])
            if isinstance(found, Representation):
                return found
            state.cache_slot = found
        return None

    def _callers(
        self, scope: Scope, principal: Principal | None, limit: LimitPolicy | None
    ) -> list[Caller]:
        """Each limit that counts, and whose calls it counts."""
        if principal is not None:
            return [(self.user, principal.user_id.bytes)]
        host = (scope.get("client") or ("",))[0]
        address = (network_of(host) or host).encode()
        limits = [self.address] if limit is None else [self.address, self.limits[limit]]
        return [(each, address) for each in limits]

    def _enforce(self, callers: list[Caller], replies: list[Any], state: RequestState) -> None:
        """Say what is left of each limit, and raise `RateLimited` where nothing is."""
        left = iter(replies)
        verdicts = [self.counts.judge(*caller, left) for caller in callers]
        known = [verdict for verdict in verdicts if verdict is not None]
        for verdict in known:
            state.headers += verdict.headers()
        for verdict in known:
            verdict.enforce()


def _bearer_token(scope: Scope) -> str:
    """The access token that a request brings. Raises `NotAuthenticated`, `MalformedRequest`."""
    values: list[bytes] = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) > 1:
        raise MalformedRequest(
            "The Authorization header was sent more than once.",
            headers={"WWW-Authenticate": 'Bearer error="invalid_request"'},
        )
    scheme, _, token = b"".join(values).decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated
    return token.strip(" ")
