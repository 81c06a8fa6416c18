"""The application: settings in, a FastAPI app out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from importlib.metadata import version

from fastapi import FastAPI

from app.api import include_features
from app.auth.service import TokenAuthenticator
from app.core import handlers, openapi, pages
from app.core.admission import Admission, Counts, Limits
from app.core.cache import Cache
from app.core.clock import Now, utc_now
from app.core.config import Settings
from app.core.cors import Cors, PreflightMiddleware
from app.core.database import Database
from app.core.envelope import Envelope
from app.core.health import Lifecycle
from app.core.idempotency import Idempotency
from app.core.last_answers import LastAnswers
from app.core.metrics import Metrics, Scraped
from app.core.metrics import install as install_metrics
from app.core.middleware import RequestMiddleware
from app.core.passwords import PasswordHasher
from app.core.proxies import ProxyMiddleware
from app.core.redis import Redis
from app.core.security import AccessTokens, Signer
from app.projects.permissions import audience_of_all, may_edit_all, seen_by
from app.sessions.ended import EndedSessions
from app.sessions.repository import SessionRepository
from app.sweeps import sweep_hourly

_DESCRIPTION = """
Todos and projects for HTTP clients, Swagger UI and generated SDKs.

Sign up (`POST /v1/users`), sign in (**Authorize**, or `POST /v1/oauth/token`), and create a todo.
Every answer carries `X-Request-Id`; every error is a problem document (RFC 9457) with a `code`
that never changes its meaning.
"""

_TAGS = [
    {"name": "todos", "description": "What there is to do."},
    {"name": "projects", "description": "Lists of todos. Every account has an Inbox."},
    {"name": "users", "description": "Accounts."},
    {"name": "sessions", "description": "What is signed in."},
    {
        "name": "oauth",
        "description": "Signing in and out: OAuth 2.0 (RFC 6749, 7009, 7517, 7662, 8414).",
    },
    {"name": "health", "description": "For whoever runs this."},
]


def create_app(
    settings: Settings,
    *,
    now: Now = utc_now,
    metrics: Metrics | None = None,
    scraped: Scraped | None = None,
    sweeps: bool = True,
) -> FastAPI:
    """The service. `settings` name running servers and the keys; `now` is the clock.

    It counts in `metrics`, and serves at `/metrics` what is to be `scraped` there, if anything. Of
    several processes one `sweeps`: it deletes hourly what is kept for a while only.
    """
    app = FastAPI(
        title="Tickbox",
        version=version("tickbox"),
        summary="A TODO service.",
        description=_DESCRIPTION,
        openapi_tags=_TAGS,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        # It asks for its providers in each request, and nothing here provides any.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        lifespan=_lifespan,
    )
    assert settings.redis_url is not None
    assert settings.secret_key is not None
    assert settings.signing_keys is not None
    state = app.state
    state.settings = settings
    state.now = now
    state.sweeps = sweeps
    state.lifecycle = Lifecycle()
    state.redis = Redis(settings.redis_url.get_secret_value())
    state.cache = Cache(state.redis, settings.cache_seconds)
    state.database = Database(settings, state.cache.outdate)
    state.password_hasher = PasswordHasher(settings.password_hash_threads)
    state.access_tokens = AccessTokens(
        settings.signing_keys.get_secret_value(),
        issuer=settings.issuer,
        audience=settings.audience,
        lifetime=timedelta(seconds=settings.access_token_seconds),
        now=now,
    )
    state.ended_sessions = EndedSessions(SessionRepository(state.database.primary))
    state.limits = Limits.of(settings)
    state.counts = Counts(state.redis)
    state.admission = Admission(
        TokenAuthenticator(state.access_tokens, state.ended_sessions),
        state.limits,
        state.counts,
        state.redis,
        state.cache,
    )
    state.metrics = Metrics() if metrics is None else metrics
    state.metrics.watch(state.database, state.redis, state.limits.all())
    secret = settings.secret_key.get_secret_value()
    state.idempotency = Idempotency(
        may_edit_all, audience_of_all, seen_by, Signer(secret, "idempotency"), now
    )
    state.cursor_signer = Signer(secret, "cursor")

    handlers.install(app)
    # The one that is added last is the first to see a request.
    cors = Cors(settings.cors_origins) if settings.cors_origins else None
    envelope = Envelope(cors)
    state.last_answers = LastAnswers(envelope, state.metrics.requests.refused)
    if cors is not None:
        app.add_middleware(PreflightMiddleware, cors=cors)
    app.add_middleware(
        RequestMiddleware,
        max_body_bytes=settings.max_body_bytes,
        counts=state.metrics.requests,
        envelope=envelope,
    )
    if settings.proxies:
        app.add_middleware(ProxyMiddleware, trusted=settings.proxies)
    include_features(app)
    pages.install(app)
    if scraped is not None:
        install_metrics(app, scraped.registry)
    openapi.install(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    state = app.state
    await state.redis.start()
    going_on = [asyncio.create_task(state.ended_sessions.watch())]
    if state.sweeps:
        sweeping = sweep_hourly(state.database, state.settings, state.now)
        going_on.append(asyncio.create_task(sweeping))
    try:
        yield
    finally:
        for task in going_on:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        state.password_hasher.close()
        await state.database.close()
        await state.redis.close()
