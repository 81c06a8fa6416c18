"""Dependencies of the OAuth routes."""

from typing import Annotated

from fastapi import Depends, Request

from app.features.auth.service import AuthService, TokenInspector
from app.features.sessions.dependencies import session_reader, session_service
from app.features.sessions.revocations import EndedSessions
from app.features.users.dependencies import password_proof, user_service
from app.redis.rate_limits import LimitPolicy
from app.web.dependencies import app_state, primary_connection, unit_of_work

SIGN_IN = LimitPolicy(
    "sign-in", lambda settings: settings.limit_sign_ins_per_minute, holds_without_redis=True
)


def _auth_service(request: Request) -> AuthService:
    state, unit = app_state(request), unit_of_work(request)
    return AuthService(
        user_service(unit, request),
        password_proof(request),
        session_service(unit, request),
        state.access_tokens,
        frozenset(state.scopes),
        state.settings,
        state.metrics.sign_ins,
    )


def _inspector(request: Request) -> TokenInspector:
    state = app_state(request)
    return TokenInspector(
        session_reader(primary_connection(request), request),
        state.access_tokens,
        state.resource(EndedSessions),
        state.settings,
    )


Auth = Annotated[AuthService, Depends(_auth_service)]
Inspector = Annotated[TokenInspector, Depends(_inspector)]
