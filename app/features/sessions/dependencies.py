"""What the sessions' routes, signing in and accounts ask for."""

from typing import Annotated

from fastapi import Depends, Request, Security

from app.database.unit_of_work import Connection, UnitOfWork
from app.features.sessions.networks import network_of
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
    """Where a request comes from."""
    return network_of(request.client.host) if request.client is not None else None


def session_reader(connection: Connection, request: Request) -> SessionReader:
    """The service for reads, as other features too make it."""
    state = app_state(request)
    return SessionReader(
        SessionRepository(connection),
        request_context(request),
        state.settings,
        state.cursor_signer,
    )


def session_service(unit: UnitOfWork, request: Request) -> SessionService:
    """The service for writes, as other features too make it."""
    state = app_state(request)
    return SessionService(
        unit,
        state.resource(EndedSessions),
        request_context(request),
        state.settings,
        network_of_client(request),
    )


def _reading(request: Request) -> SessionReader:
    # From the primary: what ended a moment ago is not shown as signed in.
    return session_reader(primary_connection(request), request)


def _writing(request: Request) -> SessionService:
    return session_service(unit_of_work(request), request)


AccountManager = Annotated[Principal, Security(principal, scopes=["account:manage"])]
ReadSessions = Annotated[SessionReader, Depends(_reading)]
WriteSessions = Annotated[SessionService, Depends(_writing)]
