"""What the OAuth routes ask for."""

from typing import Annotated

from fastapi import Depends, Request

from app.auth.service import AuthService, TokenInspector
from app.core.context import RequestContext
from app.core.database import ReadingPrimary, Transaction
from app.sessions.dependencies import session_reader, session_service
from app.users.dependencies import password_proof, user_service


async def _auth_service(
    session: Transaction, primary: ReadingPrimary, context: RequestContext, request: Request
) -> AuthService:
    state = request.app.state
    return AuthService(
        user_service(session, context, request),
        password_proof(primary, context, request),
        session_service(session, context, request),
        state.access_tokens,
        state.settings,
        state.metrics.sign_ins,
    )


async def _inspector(
    primary: ReadingPrimary, context: RequestContext, request: Request
) -> TokenInspector:
    state = request.app.state
    return TokenInspector(
        session_reader(primary, context, request),
        state.access_tokens,
        state.ended_sessions,
        state.settings,
    )


Auth = Annotated[AuthService, Depends(_auth_service)]
Inspector = Annotated[TokenInspector, Depends(_inspector)]
