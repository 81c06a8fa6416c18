"""What the accounts' routes, and signing in, ask for."""

from typing import Annotated

from fastapi import Depends, Request

from app.core.context import Context, RequestContext
from app.core.database import Connection, Reading, Transaction
from app.projects.dependencies import project_service
from app.users.repository import UserRepository
from app.users.service import UserService


def user_service(connection: Connection, context: Context, request: Request) -> UserService:
    """The service, as other features too make it."""
    state = request.app.state
    return UserService(
        UserRepository(connection),
        state.password_hasher,
        context,
        lambda principal: project_service(connection, principal, context, request),
        state.settings.password_min_length,
    )


async def _reading(connection: Reading, context: RequestContext, request: Request) -> UserService:
    return user_service(connection, context, request)


async def _writing(session: Transaction, context: RequestContext, request: Request) -> UserService:
    return user_service(session, context, request)


ReadUsers = Annotated[UserService, Depends(_reading)]
WriteUsers = Annotated[UserService, Depends(_writing)]
