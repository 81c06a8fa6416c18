"""Dependencies of the invitations' routes: the service, for reads and for writes."""

from datetime import timedelta
from typing import Annotated

from fastapi import Request, Security

from app.database.unit_of_work import Connection
from app.features.invitations.repository import InvitationRepository
from app.features.invitations.service import InvitationService
from app.features.members.dependencies import member_service
from app.features.projects.permissions import seen_by
from app.web.dependencies import (
    app_state,
    principal,
    read_connection,
    request_context,
    unit_of_work,
)


def _service(request: Request, connection: Connection) -> InvitationService:
    state, caller = app_state(request), principal(request)
    return InvitationService(
        InvitationRepository(
            connection,
            seen_by(caller),
            trusts_unverified=bool(state.settings.trust_unverified_email),
        ),
        member_service(request, connection),
        caller,
        request_context(request),
        state.cursor_signer,
        lifetime=timedelta(days=state.settings.invitation_days),
        quota=state.settings.quota_members,
    )


def _reading(request: Request) -> InvitationService:
    return _service(request, read_connection(request))


def _writing(request: Request) -> InvitationService:
    return _service(request, unit_of_work(request))


ReadInvitations = Annotated[InvitationService, Security(_reading, scopes=["projects:read"])]
WriteInvitations = Annotated[InvitationService, Security(_writing, scopes=["projects:write"])]
