"""What the OAuth routes ask for."""

from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from app.auth.service import AuthService
from app.core.context import RequestContext
from app.core.database import ReadingPrimary, Transaction
from app.users.dependencies import user_service


async def _auth_service(
    session: Transaction, primary: ReadingPrimary, context: RequestContext, request: Request
) -> AuthService:
    state = request.app.state
    return AuthService(
        session,
        # Not in the transaction: no connection is held while a password is hashed.
        user_service(primary, context, request),
        state.access_tokens,
        state.ended_sessions,
        context,
        state.settings,
        partial(state.counts.only, state.limits.sign_in_failures),
        state.metrics.sign_ins,
    )


Auth = Annotated[AuthService, Depends(_auth_service)]
