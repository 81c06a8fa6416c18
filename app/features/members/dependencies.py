"""Dependencies of the members' routes: the service, for reads and for writes."""

from typing import Annotated

from fastapi import Request, Security

from app.database.unit_of_work import Connection
from app.features.members.repository import MemberRepository
from app.features.members.service import MemberService
from app.features.projects.permissions import seen_by
from app.web.dependencies import (
    app_state,
    principal,
    read_connection,
    request_context,
    unit_of_work,
)


def member_service(request: Request, connection: Connection) -> MemberService:
    """Make the service; other features use it too."""
    state, caller = app_state(request), principal(request)
    return MemberService(
        MemberRepository(connection, seen_by(caller)),
        caller,
        request_context(request),
        state.cursor_signer,
        quota_projects=state.settings.quota_projects,
        quota_todos=state.settings.quota_todos,
        quota_labels=state.settings.quota_labels,
    )


def _reading(request: Request) -> MemberService:
    return member_service(request, read_connection(request))


def _writing(request: Request) -> MemberService:
    return member_service(request, unit_of_work(request))


ReadMembers = Annotated[MemberService, Security(_reading, scopes=["projects:read"])]
WriteMembers = Annotated[MemberService, Security(_writing, scopes=["projects:write"])]
