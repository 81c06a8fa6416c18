"""`/v1/projects/{project_id}/invitations` of an owner, and `/v1/invitations` of who is invited."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from app.core.errors import CursorInvalid, Forbidden, NotFound, QuotaExceeded
from app.core.schemas import JsonPage, JsonRow
from app.features.invitations.dependencies import ReadInvitations, WriteInvitations
from app.features.invitations.errors import InvitationNotPending
from app.features.invitations.schemas import (
    InvitationAcceptance,
    InvitationCreate,
    InvitationMade,
    InvitationPage,
    InvitationQuery,
    OwnInvitationPage,
)
from app.features.members.errors import AlreadyMember, NotTheRoot
from app.features.projects.errors import InboxProtected
from app.features.projects.schemas import ProjectRead
from app.web.openapi.problems import problems
from app.web.routing import Feature, Route, permits
from app.web.routing import router as new_router


class _SecretRoute(Route):
    """Its answer has a secret, which nothing is to keep."""

    takes_idempotency_key = False

    async def answer(self, request: Request) -> Response:
        """As all routes do, for nobody to store."""
        response = await super().answer(request)
        response.headers["Cache-Control"] = "no-store"
        return response


_PREFIX = "/v1/projects/{project_id}/invitations"
# Who is invited is told of nothing before asking, so that nobody learns that there is an account.
sending = APIRouter(prefix=_PREFIX, tags=["invitations"], route_class=_SecretRoute)
sent = new_router(_PREFIX, "invitations")
received = new_router("/v1/invitations", "invitations")
# Their scopes are those of projects.
FEATURE = Feature(
    tag="invitations",
    description="How somebody comes into a project: by an address, or by a token.",
    routers=(sent, sending, received),
)

_REFUSED = (NotFound, Forbidden, NotTheRoot)
_UNANSWERABLE = (NotFound, InvitationNotPending)


@sent.get(
    "",
    operation_id="list_project_invitations",
    response_model=InvitationPage,
    responses=problems(*_REFUSED, CursorInvalid),
)
@permits("owner")
async def list_project_invitations(
    invitations: ReadInvitations, project_id: UUID, query: Annotated[InvitationQuery, Query()]
) -> JsonPage:
    """List a project's invitations.

    Those that may still be answered, the newest first. Only its owner may.
    """
    return await invitations.sent(project_id, query)


@sending.post(
    "",
    status_code=201,
    operation_id="create_invitation",
    response_model=InvitationMade,
    responses=problems(*_REFUSED, InboxProtected, AlreadyMember, QuotaExceeded),
)
@permits("owner")
async def create_invitation(
    invitations: WriteInvitations, project_id: UUID, data: InvitationCreate
) -> JsonRow:
    """Invite somebody to a project.

    To it and to all projects below it. The answer is the same with or without an account of that
    address. Its token is shown this once; whoever has it may accept, by any account. Another
    invitation of the same address takes the place of this one. Only the owner may.
    """
    return await invitations.create(project_id, data)


@sent.delete(
    "/{invitation_id}",
    status_code=204,
    operation_id="revoke_invitation",
    responses=problems(*_REFUSED, InvitationNotPending),
)
@permits("owner")
async def revoke_invitation(
    invitations: WriteInvitations, project_id: UUID, invitation_id: UUID
) -> None:
    """Revoke an invitation.

    Only the project's owner may.
    """
    await invitations.revoke(project_id, invitation_id)


@received.get(
    "",
    operation_id="list_invitations",
    response_model=OwnInvitationPage,
    responses=problems(CursorInvalid),
)
@permits("own")
async def list_invitations(
    invitations: ReadInvitations, query: Annotated[InvitationQuery, Query()]
) -> JsonPage:
    """List your invitations.

    Those to your address, once it is verified, that may still be answered; the newest first.
    """
    return await invitations.mine(query)


@received.post(
    "/accept",
    operation_id="accept_invitation_by_token",
    response_model=ProjectRead,
    responses=problems(*_UNANSWERABLE, AlreadyMember, QuotaExceeded),
)
@permits("token")
async def accept_invitation_by_token(
    invitations: WriteInvitations, data: InvitationAcceptance
) -> JsonRow:
    """Accept an invitation by its token.

    Whatever your address is. You see the project, and all below it, from this answer on.
    """
    return await invitations.accept_by_token(data)


@received.post(
    "/{invitation_id}/accept",
    operation_id="accept_invitation",
    response_model=ProjectRead,
    responses=problems(*_UNANSWERABLE, AlreadyMember, QuotaExceeded),
)
@permits("invited")
async def accept_invitation(invitations: WriteInvitations, invitation_id: UUID) -> JsonRow:
    """Accept an invitation to your address.

    You see the project, and all below it, from this answer on.
    """
    return await invitations.accept(invitation_id)


@received.post(
    "/{invitation_id}/decline",
    status_code=204,
    operation_id="decline_invitation",
    responses=problems(*_UNANSWERABLE),
)
@permits("invited")
async def decline_invitation(invitations: WriteInvitations, invitation_id: UUID) -> None:
    """Decline an invitation.

    One to your address; its token is good no more, either.
    """
    await invitations.decline(invitation_id)
