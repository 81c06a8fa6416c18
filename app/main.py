"""The application: settings in, a FastAPI app out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from importlib.metadata import version

from fastapi import FastAPI
from starlette.types import ASGIApp

from app.core.clock import Now, utc_now
from app.core.settings import Settings, SettingsError
from app.core.signing import Signer
from app.database import idempotency_keys, migrations
from app.database.unit_of_work import Database
from app.features.auth.service import TokenAuthenticator
from app.features.labels.dependencies import LabelUse
from app.features.projects.permissions import (
    affected_users_of_all,
    may_edit_all,
    seen_by,
    sees_all,
)
from app.features.routes import FEATURES, SCOPES, include_features
from app.features.sessions.repository import SessionRepository
from app.features.sessions.revocations import EndedSessions
from app.features.todos.relabelling import LabelledTodos
from app.observability import local_metrics
from app.observability.metrics import Metrics
from app.redis.client import Redis
from app.redis.rate_limits import Counts, Limit
from app.redis.response_cache import Cache
from app.security.access_tokens import AccessTokens
from app.security.password_hashing import PasswordHasher
from app.sweeps import sweep_hourly
from app.web import cors
from app.web.body_buffering import Buffers
from app.web.dependencies import AppState, Lifecycle
from app.web.idempotency import Idempotency
from app.web.openapi import document, pages
from app.web.proxies import ProxyMiddleware
from app.web.request_gate import RequestGate
from app.web.request_middleware import RequestMiddleware

_DESCRIPTION = """
Todos and projects for HTTP clients, Swagger UI and generated SDKs.

Sign up (`POST /v1/users`), sign in (**Authorize**, or `POST /v1/oauth/token`), and create a todo.
Every answer carries `X-Request-Id`; every error is a problem document (RFC 9457) with a `code`
that never changes its meaning. `If-Match` and `If-None-Match` are never ignored: where there is
nothing to compare them with, the answer is 412.
"""


def create_app(
    settings: Settings | None = None,
    *,
    now: Now = utc_now,
    metrics: Metrics | None = None,
    embedded: bool = False,
) -> FastAPI:
    """Make the service, for any ASGI server. Raises `SettingsError`.

    Without `settings`, which name running stores and the keys, they are the environment's. `now`
    is the clock. With `embedded` stores `/docs` keeps who signed in there, and `/metrics` is served
    beside `/v1` where it has no port of its own.
    """
    settings = settings or Settings()
    if settings.is_embedded:
        raise SettingsError("TICKBOX_DATABASE_URL is missing: only `tickbox serve` brings servers")
    app = FastAPI(
        title="Tickbox",
        version=version("tickbox"),
        summary="A TODO service.",
        description=_DESCRIPTION.strip(),
        contact={"name": "The maintainers of Tickbox"},
        openapi_tags=[{"name": each.tag, "description": each.description} for each in FEATURES],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # It asks for its providers in each request, and nothing here provides any.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=_lifespan,
    )
    state = _state(settings, now, metrics or Metrics())
    app.state = state  # type: ignore[assignment]  # typed, where Starlette's holds anything

    include_features(app)
    pages.install(app, keeps_sign_in=embedded)
    if embedded and settings.metrics_port is None:
        local_metrics.install(app, state.metrics)
    document.install(app, FEATURES)
    app.middleware_stack = _middleware(app.router, state)
    return app


def _middleware(router: ASGIApp, state: AppState) -> ASGIApp:
    """What a request goes through before it is routed, in place of FastAPI's layers of errors."""
    settings = state.settings
    app: ASGIApp = RequestMiddleware(router, state.buffers, state.metrics.requests)
    if settings.proxies:
        app = ProxyMiddleware(app, settings.proxies)
    if settings.cors_origins:
        # Outermost, so that a page of a listed origin can read errors too.
        app = cors.around(app, settings.cors_origins, settings.cors_headers)
    return app


def _state(settings: Settings, now: Now, metrics: Metrics) -> AppState:
    """Make what the app holds; nothing of it is started."""
    assert settings.redis_url is not None
    assert settings.secret_key is not None
    assert settings.signing_keys is not None
    redis = Redis(settings.redis_url.get_secret_value())
    release = f"{version('tickbox')} {migrations.head()}"
    cache = Cache(redis, settings.cache_seconds, release, now)
    database = Database(settings, cache.invalidate)
    access_tokens = AccessTokens(
        settings.signing_keys.get_secret_value(),
        issuer=settings.issuer,
        audience=settings.audience,
        lifetime=timedelta(seconds=settings.access_token_seconds),
        now=now,
    )
    ended_sessions = EndedSessions(SessionRepository(database.security))
    limits = {policy: policy.limit(settings) for feature in FEATURES for policy in feature.limits}
    gate = RequestGate(
        TokenAuthenticator(access_tokens, ended_sessions).authenticate,
        Limit("user", settings.limit_user_burst, settings.limit_user_per_second),
        Limit("address", settings.limit_address_burst, settings.limit_address_per_second),
        limits,
        Counts(redis),
        redis,
        cache,
    )
    all_limits = [gate.user, gate.address, *limits.values()]
    metrics.watch(database.pools, lambda: redis.is_connected, all_limits)
    secret = settings.secret_key.get_secret_value()
    return AppState(
        settings=settings,
        now=now,
        database=database,
        redis=redis,
        cache=cache,
        metrics=metrics,
        access_tokens=access_tokens,
        password_hasher=PasswordHasher(settings.password_hash_threads),
        cursor_signer=Signer(secret, "cursor"),
        scopes=SCOPES,
        buffers=Buffers(
            max(settings.max_buffered_bytes, 4 * settings.max_body_bytes),
            settings.max_body_bytes,
            settings.request_timeout,
        ),
        request_gate=gate,
        idempotency=Idempotency(
            idempotency_keys.look(may_edit_all, sees_all, affected_users_of_all),
            seen_by,
            Signer(secret, "idempotency"),
            now,
        ),
        resources={EndedSessions: ended_sessions, LabelUse: LabelUse(LabelledTodos)},
        lifecycle=Lifecycle(refused=metrics.requests.refused),
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state: AppState = app.state  # type: ignore[assignment]
    await state.redis.start()
    background_tasks = [
        asyncio.create_task(state.resource(EndedSessions).watch()),
        asyncio.create_task(state.metrics.keep_sampling()),
        asyncio.create_task(sweep_hourly(state.database, state.settings, state.now)),
    ]
    try:
        yield
    finally:
        for task in background_tasks:
            task.cancel()
        await asyncio.wait(background_tasks)
        state.password_hasher.close()
        await state.database.close()
        await state.redis.close()
