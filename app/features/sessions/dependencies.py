"""What the sessions' routes, signing in and accounts ask for."""

from typing import Annotated

from fastapi import Depends, Request, Security

from app.core.context import Context
from app.database.unit_of_work import Connection, Session
from app.features.sessions.networks import network_of
from app.features.sessions.repository import SessionRepository
from app.features.sessions.revocations import EndedSessions
from app.features.sessions.service import SessionReader, SessionService
from app.security.principal import Principal
from app.web.bearer import bearer
from app.web.dependencies import ReadingPrimary, RequestContext, Transaction, app_state


def network_of_client(request: Request) -> str | None:
    """Where a request comes from."""
    return network_of(request.client.host) if request.client is not None else None


def session_reader(connection: Connection, context: Context, request: Request) -> SessionReader:
    """The service for reads, as other features too make it."""
    state = app_state(request)
    return SessionReader(
        SessionRepository(connection), context, state.settings, state.cursor_signer
    )


def session_service(session: Session, context: Context, request: Request) -> SessionService:
    """The service for writes, as other features too make it."""
    state = app_state(request)
    return SessionService(
        session,
        state.resource(EndedSessions),
        context,
        state.settings,
        network_of_client(request),
    )


# From the primary: what ended a moment ago is not shown as signed in.
async def _reading(
    primary: ReadingPrimary, context: RequestContext, request: Request
) -> SessionReader:
    return session_reader(primary, context, request)


async def _writing(
    session: Transaction, context: RequestContext, request: Request
) -> SessionService:
    return session_service(session, context, request)


AccountManager = Annotated[Principal, Security(bearer, scopes=["account:manage"])]
ReadSessions = Annotated[SessionReader, Depends(_reading)]
WriteSessions = Annotated[SessionService, Depends(_writing)]
