"""What the projects' routes ask for: the service, for reading or for writing."""

from typing import Annotated

from fastapi import Request, Security

from app.core.context import Context
from app.core.signing import Signer
from app.database.unit_of_work import Connection
from app.features.projects.permissions import seen_by
from app.features.projects.repository import ProjectRepository
from app.features.projects.service import ProjectService
from app.security.principal import Principal
from app.web.bearer import Caller
from app.web.dependencies import Reading, RequestContext, Transaction, app_state


def project_service(
    connection: Connection,
    principal: Principal,
    context: Context,
    signer: Signer,
    quota: int | None = None,
) -> ProjectService:
    """The service, as other features too make it."""
    return ProjectService(
        ProjectRepository(connection, seen_by(principal)),
        principal,
        context,
        signer,
        quota,
    )


async def _reading(
    principal: Caller, connection: Reading, context: RequestContext, request: Request
) -> ProjectService:
    return project_service(connection, principal, context, app_state(request).cursor_signer)


async def _writing(
    principal: Caller, session: Transaction, context: RequestContext, request: Request
) -> ProjectService:
    state = app_state(request)
    quota = state.settings.quota_projects
    return project_service(session, principal, context, state.cursor_signer, quota)


ReadProjects = Annotated[ProjectService, Security(_reading, scopes=["projects:read"])]
WriteProjects = Annotated[ProjectService, Security(_writing, scopes=["projects:write"])]
