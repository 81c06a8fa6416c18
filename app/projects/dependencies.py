"""What the projects' routes ask for: the service, for reading or for writing."""

from typing import Annotated

from fastapi import Request, Security

from app.core.authentication import Caller, Principal
from app.core.context import Context, RequestContext
from app.core.database import Connection, Reading, Transaction
from app.core.security import Signer
from app.projects.permissions import seen_by
from app.projects.repository import ProjectRepository
from app.projects.service import ProjectService


def project_service(
    connection: Connection, principal: Principal, context: Context, signer: Signer
) -> ProjectService:
    """The service, as other features too make it."""
    return ProjectService(
        ProjectRepository(connection, seen_by(principal)),
        principal,
        context,
        signer,
    )


async def _reading(
    principal: Caller, connection: Reading, context: RequestContext, request: Request
) -> ProjectService:
    return project_service(connection, principal, context, request.app.state.cursor_signer)


async def _writing(
    principal: Caller, session: Transaction, context: RequestContext, request: Request
) -> ProjectService:
    return project_service(session, principal, context, request.app.state.cursor_signer)


ReadProjects = Annotated[ProjectService, Security(_reading, scopes=["projects:read"])]
WriteProjects = Annotated[ProjectService, Security(_writing, scopes=["projects:write"])]
