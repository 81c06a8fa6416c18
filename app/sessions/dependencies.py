"""What the sessions' routes, signing in and accounts ask for."""

from typing import Annotated

from fastapi import Depends, Request

from app.core.context import Context, RequestContext
from app.core.database import Connection, ReadingPrimary, Session, Transaction
from app.sessions.networks import network_of
from app.sessions.repository import SessionRepository
from app.sessions.service import SessionReader, SessionService


def network_of_client(request: Request) -> str | None:
    """Where a request comes from."""
    return network_of(request.client.host) if request.client is not None else None


def session_reader(connection: Connection, context: Context, request: Request) -> SessionReader:
    """The service for reads, as other features too make it."""
    state = request.app.state
    return SessionReader(
        SessionRepository(connection), context, state.settings, state.cursor_signer
    )


def session_service(session: Session, context: Context, request: Request) -> SessionService:
    """The service for writes, as other features too make it."""
    state = request.app.state
    return SessionService(
        session, state.ended_sessions, context, state.settings, network_of_client(request)
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


ReadSessions = Annotated[SessionReader, Depends(_reading)]
WriteSessions = Annotated[SessionService, Depends(_writing)]
