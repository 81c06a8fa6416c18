"""Dependencies of the accounts' routes, also used for signing in."""

from typing import Annotated

from fastapi import Depends, Request

from app.database.unit_of_work import Connection
from app.features.labels.adoption import LabelAdopter
from app.features.projects.dependencies import project_service
from app.features.sessions.dependencies import network_of_client, session_reader, session_service
from app.features.users.credentials import Attempts, PasswordProof
from app.features.users.repository import UserRepository
from app.features.users.service import AccountEnd, AccountService, UserService
from app.redis.rate_limits import LimitPolicy
from app.web.dependencies import (
    app_state,
    primary_connection,
    read_connection,
    request_context,
    unit_of_work,
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


def user_service(connection: Connection, request: Request) -> UserService:
    """Make the service; other features use it too."""
    state, context = app_state(request), request_context(request)
    return UserService(
        UserRepository(connection),
        state.password_hasher,
        context,
        lambda principal: project_service(connection, principal, context, state.cursor_signer),
        state.settings.password_min_length,
    )


def password_proof(request: Request) -> PasswordProof:
    """Make what checks passwords, outside the transaction: hashing then holds no connection."""
    state, primary = app_state(request), primary_connection(request)
    gate = state.request_gate
    attempts = Attempts(
        gate.counts,
        gate.limits[SIGN_IN_FAILURES],
        gate.limits[ACCOUNT_FAILURES],
        session_reader(primary, request),
        network_of_client(request),
    )
    return PasswordProof(UserRepository(primary), state.password_hasher, attempts)


def _reading(request: Request) -> UserService:
    return user_service(read_connection(request), request)


def _writing(request: Request) -> UserService:
    return user_service(unit_of_work(request), request)


def _account(request: Request) -> AccountService:
    state, unit = app_state(request), unit_of_work(request)
    context = request_context(request)
    repository = UserRepository(unit)
    sessions = session_service(unit, request)
    end = AccountEnd(
        repository,
        sessions,
        lambda principal: project_service(unit, principal, context, state.cursor_signer),
        LabelAdopter(unit),
        context,
    )
    return AccountService(
        repository,
        password_proof(request),
        sessions,
        state.password_hasher,
        context,
        end,
        state.settings.password_min_length,
    )


def _ending(request: Request) -> AccountService:
    unit_of_work(request).hold_account_alone()
    return _account(request)


ReadUsers = Annotated[UserService, Depends(_reading)]
WriteUsers = Annotated[UserService, Depends(_writing)]
Account = Annotated[AccountService, Depends(_account)]
EndingAccount = Annotated[AccountService, Depends(_ending)]
