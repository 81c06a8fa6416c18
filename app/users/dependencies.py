"""What the accounts' routes, and signing in, ask for."""

from typing import Annotated

from fastapi import Depends, Request

from app.core.context import Context, RequestContext
from app.core.database import Connection, ReadConnection, Reading, ReadingPrimary, Transaction
from app.projects.dependencies import project_service
from app.sessions.dependencies import network_of_client, session_reader, session_service
from app.users.credentials import Attempts, PasswordProof
from app.users.repository import UserRepository
from app.users.service import AccountService, UserService


def user_service(connection: Connection, context: Context, request: Request) -> UserService:
    """The service, as other features too make it."""
    state = request.app.state
    return UserService(
        UserRepository(connection),
        state.password_hasher,
        context,
        lambda principal: project_service(connection, principal, context, state.cursor_signer),
        state.settings.password_min_length,
    )


def password_proof(primary: ReadConnection, context: Context, request: Request) -> PasswordProof:
    """Checks passwords; not in a transaction: no connection is held while one is hashed."""
    state = request.app.state
    attempts = Attempts(
        state.counts,
        state.limits.sign_in_failures,
        state.limits.account_failures,
        session_reader(primary, context, request),
        network_of_client(request),
    )
    return PasswordProof(UserRepository(primary), state.password_hasher, attempts)


async def _reading(connection: Reading, context: RequestContext, request: Request) -> UserService:
    return user_service(connection, context, request)


async def _writing(session: Transaction, context: RequestContext, request: Request) -> UserService:
    return user_service(session, context, request)


async def _account(
    session: Transaction, primary: ReadingPrimary, context: RequestContext, request: Request
) -> AccountService:
    state = request.app.state
    return AccountService(
        UserRepository(session),
        password_proof(primary, context, request),
        session_service(session, context, request),
        state.password_hasher,
        context,
        lambda principal: project_service(session, principal, context, state.cursor_signer),
        state.settings.password_min_length,
    )


ReadUsers = Annotated[UserService, Depends(_reading)]
WriteUsers = Annotated[UserService, Depends(_writing)]
Account = Annotated[AccountService, Depends(_account)]
