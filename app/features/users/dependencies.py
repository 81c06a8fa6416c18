"""What the accounts' routes, and signing in, ask for."""

from typing import Annotated

from fastapi import Depends, Request

from app.core.context import Context
from app.database.unit_of_work import Connection, ReadConnection
from app.features.projects.dependencies import project_service
from app.features.sessions.dependencies import network_of_client, session_reader, session_service
from app.features.users.credentials import Attempts, PasswordProof
from app.features.users.repository import UserRepository
from app.features.users.service import AccountEnd, AccountService, UserService
from app.redis.rate_limits import LimitPolicy
from app.web.dependencies import (
    Reading,
    ReadingPrimary,
    RequestContext,
    Transaction,
    app_state,
)

SIGN_UP = LimitPolicy("sign-up", lambda settings: settings.limit_sign_ups_per_minute)
SIGN_IN_FAILURES = LimitPolicy(
    "sign-in-failures",
    lambda settings: settings.limit_sign_in_failures_per_minute,
    holds_without_redis=True,
)
ACCOUNT_FAILURES = LimitPolicy(
    "account-failures",
    lambda settings: settings.limit_account_failures_per_minute,
    holds_without_redis=True,
)


def user_service(connection: Connection, context: Context, request: Request) -> UserService:
    """The service, as other features too make it."""
    state = app_state(request)
    return UserService(
        UserRepository(connection),
        state.password_hasher,
        context,
        lambda principal: project_service(connection, principal, context, state.cursor_signer),
        state.settings.password_min_length,
    )


def password_proof(primary: ReadConnection, context: Context, request: Request) -> PasswordProof:
    """Checks passwords; not in a transaction: no connection is held while one is hashed."""
    state = app_state(request)
    attempts = Attempts(
        state.counts,
        state.limits[SIGN_IN_FAILURES],
        state.limits[ACCOUNT_FAILURES],
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
    state = app_state(request)
    repository = UserRepository(session)
    sessions = session_service(session, context, request)
    end = AccountEnd(
        repository,
        sessions,
        lambda principal: project_service(session, principal, context, state.cursor_signer),
    )
    return AccountService(
        repository,
        password_proof(primary, context, request),
        sessions,
        state.password_hasher,
        context,
        end,
        state.settings.password_min_length,
    )


Account = Annotated[AccountService, Depends(_account)]


async def _ending(session: Transaction, account: Account) -> AccountService:
    session.hold_account_alone()
    return account


ReadUsers = Annotated[UserService, Depends(_reading)]
WriteUsers = Annotated[UserService, Depends(_writing)]
EndingAccount = Annotated[AccountService, Depends(_ending)]
