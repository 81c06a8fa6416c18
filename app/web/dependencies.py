"""What one process holds, and what services are made of: each function takes the request alone."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request, Security

from app.core.clock import Now
from app.core.context import Context, Expected
from app.core.settings import Settings
from app.core.signing import Signer
from app.database.unit_of_work import Database, ReadConnection, UnitOfWork
from app.observability.metrics import Metrics
from app.redis.client import Redis
from app.redis.response_cache import Cache
from app.security.access_tokens import AccessTokens
from app.security.password_hashing import PasswordHasher
from app.security.principal import Principal
from app.web.body_buffering import Buffers
from app.web.idempotency import Idempotency
from app.web.request_gate import RequestGate, request_state

T = TypeVar("T")


@dataclass
class Lifecycle:
    """What the server tells the app.

    A shutdown has begun, and how many connections ended before there was a request, by reason.
    """

    draining: bool = False
    refused: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True, kw_only=True)
class AppState:
    """What one process holds from its start to its end: `app.state`.

    `scopes` are those that the features declare, and `resources` are what features hold themselves,
    by type.
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
    buffers: Buffers
    request_gate: RequestGate
    idempotency: Idempotency
    resources: Mapping[type, Any]
    lifecycle: Lifecycle = field(default_factory=Lifecycle)

    def resource(self, kind: type[T]) -> T:
        """What a feature holds."""
        found: T = self.resources[kind]
        return found


def app_state(request: Request) -> AppState:
    """The state of the app that a request came to."""
    state: AppState = request.app.state
    return state


def holder(request: Request) -> object:
    """For whom a request holds connections: its user, or all requests without one."""
    return request_state(request.scope).user_id or "nobody"


def unit_of_work(request: Request) -> UnitOfWork:
    """The transaction of a write, which its route commits before it answers."""
    unit = request_state(request.scope).unit_of_work
    assert unit is not None, "a GET writes nothing"
    return unit


def read_connection(request: Request) -> ReadConnection:
    """A connection for reads, which may go to a replica."""
    database = app_state(request).database
    # What is cached must not be older than the version that it is kept under, as a replica may be.
    is_cached = request_state(request.scope).cache_slot is not None
    read = database.reading_primary if is_cached else database.reading
    return read(holder(request))


def primary_connection(request: Request) -> ReadConnection:
    """A connection for reads that see what was written before."""
    return app_state(request).database.reading_primary(holder(request))


def request_context(request: Request) -> Context:
    """The request, as services know it."""
    return Context(request_state(request.scope).request_id, app_state(request).now)


def principal(request: Request) -> Principal:
    """Who asks, as the request gate found out."""
    found = request_state(request.scope).principal
    assert found is not None
    return found


def expected_version(request: Request) -> Expected:
    """The version that the request expects of the row that it writes."""
    return request_state(request.scope).preconditions


# Whoever has an access token, whatever its scopes.
Caller = Annotated[Principal, Security(principal)]
# For what writes a row, and only where it is as expected. Routes that do not ask refuse all.
ExpectedVersion = Annotated[Expected, Depends(expected_version)]
