"""Dependencies of the sessions' routes, also used for signing in and for accounts."""

from typing import Annotated

from fastapi import Depends, Request, Security

from app.core.addresses import network_of
from app.database.unit_of_work import Connection, UnitOfWork
from app.features.sessions.repository import SessionRepository
from app.features.sessions.revocations import EndedSessions
from app.features.sessions.service import SessionReader, SessionService
from app.security.principal import Principal
from app.web.dependencies import (
    app_state,
    primary_connection,
    principal,
    request_context,
    unit_of_work,
)


def network_of_client(request: Request) -> str | None:
    """The network that a request comes from, None if unknown."""
    return network_of(request.client.host) if request.client is not None else None


def session_reader(connection: Connection, request: Request) -> SessionReader:
    """Make the service for reads; other features use it too."""
    state = app_state(request)
    return SessionReader(
        SessionRepository(connection),
        request_context(request),
        state.settings,
        state.cursor_signer,
    )


def session_service(unit: UnitOfWork, request: Request) -> SessionService:
    """Make the service for writes; other features use it too."""
    state = app_state(request)
    return SessionService(
        unit,
        state.resource(EndedSessions),
        request_context(request),
        state.settings,
        network_of_client(request),
    )


def _reading(request: Request) -> SessionReader:
    # From the primary: a replica may still list a session that has just ended.
    return session_reader(primary_connection(request), request)


def _writing(request: Request) -> SessionService:
    return session_service(unit_of_work(request), request)


AccountManager = Annotated[Principal, Security(principal, scopes=["account:manage"])]
ReadSessions = Annotated[SessionReader, Depends(_reading)]
WriteSessions = Annotated[SessionService, Depends(_writing)]
