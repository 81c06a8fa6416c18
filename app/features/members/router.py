"""`/v1/projects/{project_id}/members`, and the transfer of a project to one of them."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.core.errors import CursorInvalid, Forbidden, NotFound, QuotaExceeded
from app.core.schemas import JsonPage, JsonRow
from app.features.members.dependencies import ReadMembers, WriteMembers
from app.features.members.errors import NotAMember, NotTheRoot, OwnerCannotLeave
from app.features.members.schemas import (
    MemberPage,
    MemberQuery,
    MemberRead,
    MemberUpdate,
    Transfer,
)
from app.features.projects.errors import InboxProtected
from app.features.projects.schemas import ProjectRead
from app.web.dependencies import ExpectedVersion
from app.web.openapi.problems import problems
from app.web.routing import Feature, permits
from app.web.routing import router as new_router

router = new_router("/v1/projects/{project_id}", "members", cached=True)
# Its scopes are those of projects.
FEATURE = Feature(
    tag="members",
    description="Who shares a project, and all projects below it.",
    routers=(router,),
)

_REFUSED = (NotFound, Forbidden, NotTheRoot, InboxProtected)


@router.get(
    "/members",
    operation_id="list_members",
    response_model=MemberPage,
    responses=problems(NotFound, NotTheRoot, CursorInvalid),
)
@permits("viewer")
async def list_members(
    members: ReadMembers, project_id: UUID, query: Annotated[MemberQuery, Query()]
) -> JsonPage:
    """List a project's members.

    The newest first; its owner is one of them. A project below another one has the members of the
    one at the top level.
    """
    return await members.list(project_id, query)


@router.patch(
    "/members/{user_id}",
    operation_id="update_member",
    response_model=MemberRead,
    responses=problems(*_REFUSED, OwnerCannotLeave),
)
@permits("owner")
async def update_member(
    members: WriteMembers,
    project_id: UUID,
    user_id: UUID,
    data: MemberUpdate,
    expected: ExpectedVersion,
) -> JsonRow:
    """Change a member's role.

    A merge patch (RFC 7396), for the project and all below it. Only its owner may. `ETag` and
    `If-Match` go by the project's version, which a role is part of.
    """
    return await members.update(project_id, user_id, data, expected)


@router.delete(
    "/members/{user_id}",
    status_code=204,
    operation_id="delete_member",
    responses=problems(*_REFUSED, OwnerCannotLeave),
)
@permits("owner")
async def delete_member(
    members: WriteMembers, project_id: UUID, user_id: UUID, expected: ExpectedVersion
) -> None:
    """Remove a member, or leave.

    What they no longer see is gone with this answer. The owner may remove others, and everybody
    but the owner may leave. `If-Match` goes by the project's version.
    """
    await members.remove(project_id, user_id, expected)


@router.post(
    "/transfer",
    operation_id="transfer_project",
    response_model=ProjectRead,
    responses=problems(*_REFUSED, NotAMember, QuotaExceeded),
)
@permits("owner")
async def transfer_project(
    members: WriteMembers, project_id: UUID, data: Transfer, expected: ExpectedVersion
) -> JsonRow:
    """Give a project to a member.

    With all projects below it. You become an editor.
    """
    return await members.transfer(project_id, data, expected)
