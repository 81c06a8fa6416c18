"""Dependencies of the projects' routes: the service, for reads and for writes."""

from typing import Annotated

from fastapi import Request, Security

from app.core.context import Context
from app.core.signing import Signer
from app.database.unit_of_work import Connection
from app.features.projects.permissions import seen_by
from app.features.projects.repository import ProjectRepository
from app.features.projects.service import ProjectService
from app.security.principal import Principal
from app.web.dependencies import (
    app_state,
    principal,
    read_connection,
    request_context,
    unit_of_work,
)


def project_service(
    connection: Connection,
    principal: Principal,
    context: Context,
    signer: Signer,
    quota: int | None = None,
) -> ProjectService:
    """Make the service; other features use it too."""
    return ProjectService(
        ProjectRepository(connection, seen_by(principal)),
        principal,
        context,
        signer,
        quota,
    )


def _service(request: Request, connection: Connection, quota: int | None = None) -> ProjectService:
    return project_service(
        connection,
        principal(request),
        request_context(request),
        app_state(request).cursor_signer,
        quota,
    )


def _reading(request: Request) -> ProjectService:
    return _service(request, read_connection(request))


def _writing(request: Request) -> ProjectService:
    quota = app_state(request).settings.quota_projects
    return _service(request, unit_of_work(request), quota)


ReadProjects = Annotated[ProjectService, Security(_reading, scopes=["projects:read"])]
WriteProjects = Annotated[ProjectService, Security(_writing, scopes=["projects:write"])]
