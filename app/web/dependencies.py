"""What the app holds, and what routes ask for of it."""

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request

from app.core.clock import Now
from app.core.context import Context
from app.core.settings import Settings
from app.database.unit_of_work import Database, ReadConnection, Session
from app.database.versions import Expected
from app.observability.metrics import Metrics
from app.redis.client import Redis
from app.redis.rate_limits import Counts, Limit, LimitPolicy
from app.redis.response_cache import Cache
from app.security.access_tokens import AccessTokens, Signer
from app.security.password_hashing import PasswordHasher
from app.web.body_buffering import Buffers
from app.web.idempotency import Idempotency
from app.web.request_gate import RequestGate
from app.web.request_state import request_state

# Whoever a request is of that nobody is signed in for: all of them are one.
_NOBODY = "nobody"
T = TypeVar("T")


@dataclass
class Lifecycle:
    """Where this process is between its start and its end.

    Whoever serves it tells: that the end is near, and how many connections ended before there was
    a request, by reason.
    """

    draining: bool = False
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class AppState:
    """What one process holds from its start to its end: `app.state`.

    `scopes` and `limits` are those that the features declare, and `resources` are what features
    hold themselves, by type.
    """

    settings: Settings
    now: Now
    database: Database
    redis: Redis
    cache: Cache
    metrics: Metrics
    access_tokens: AccessTokens
    password_hasher: PasswordHasher
    cursor_signer: Signer
    scopes: Mapping[str, str]
    limits: Mapping[LimitPolicy, Limit]
    counts: Counts
    buffers: Buffers
    request_gate: RequestGate
    idempotency: Idempotency
    resources: Mapping[type, Any]
    sweeps: bool = True
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    def resource(self, kind: type[T]) -> T:
        """What a feature holds."""
        found: T = self.resources[kind]
        return found


def app_state(request: Request) -> AppState:
    """The state of the app that a request came to."""
    state: AppState = request.app.state
    return state


def _holder(request: Request) -> object:
    """Whose request it is."""
    principal = request_state(request.scope).principal
    return _NOBODY if principal is None else principal.user_id


async def _unit_of_work(request: Request) -> AsyncIterator[Session]:
    state = request_state(request.scope)
    account = None if state.principal is None else state.principal.user_id
    async with app_state(request).database.unit_of_work(
        state.claim, account=account, holder=_holder(request)
    ) as session:
        yield session


async def _read_connection(request: Request) -> ReadConnection:
    database = app_state(request).database
    # What is going to be cached is no older than the version that it is kept under: a replica's is.
    is_cached = request_state(request.scope).cache_slot is not None
    read = database.reading_primary if is_cached else database.reading
    return read(_holder(request))


async def _primary(request: Request) -> ReadConnection:
    return app_state(request).database.reading_primary(_holder(request))


async def _context(request: Request) -> Context:
    return Context(request_state(request.scope).request_id, app_state(request).now)


async def expected_version(request: Request) -> Expected:
    """What the request says of the row that it is about."""
    return request_state(request.scope).preconditions.expected()


# "function": the commit comes before the answer, so that a failed one is never a 201.
Transaction = Annotated[Session, Depends(_unit_of_work, scope="function")]
Reading = Annotated[ReadConnection, Depends(_read_connection)]
ReadingPrimary = Annotated[ReadConnection, Depends(_primary)]
RequestContext = Annotated[Context, Depends(_context)]
# For what writes a row, and only where it is as expected. Routes that do not ask refuse all.
ExpectedVersion = Annotated[Expected, Depends(expected_version)]
