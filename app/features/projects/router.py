"""`/v1/projects`."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.core.errors import (
    CursorInvalid,
    Forbidden,
    IdTaken,
    NotFound,
    QuotaExceeded,
)
from app.core.schemas import JsonPage, JsonRow
from app.features.projects.dependencies import ReadProjects, WriteProjects
from app.features.projects.errors import (
    InboxProtected,
    MovedIntoItself,
    PlaceAmbiguous,
    PlaceContradicts,
    ProjectArchived,
    ProjectNotFound,
    ProjectTooDeep,
)
from app.features.projects.schemas import (
    ProjectCreate,
    ProjectMove,
    ProjectPage,
    ProjectQuery,
    ProjectRead,
    ProjectUpdate,
)
from app.web.dependencies import ExpectedVersion
from app.web.openapi.problems import problems
from app.web.routing import Feature, permits
from app.web.routing import router as new_router

router = new_router("/v1/projects", "projects", cached=True)
FEATURE = Feature(
    tag="projects",
    description="Lists of todos. Every account has an Inbox.",
    routers=(router,),
    scopes={
        "projects:read": "Read projects.",
        "projects:write": "Create, change and delete projects.",
    },
)


@router.get(
    "",
    operation_id="list_projects",
    response_model=ProjectPage,
    responses=problems(CursorInvalid),
)
@permits("own")
async def list_projects(
    projects: ReadProjects, query: Annotated[ProjectQuery, Query()]
) -> JsonPage:
    """List projects.

    All that you are a member of; archived ones only if you ask for them.
    """
    return await projects.list(query)


@router.post(
    "",
    status_code=201,
    operation_id="create_project",
    response_model=ProjectRead,
    responses=problems(
        IdTaken, Forbidden, ProjectNotFound, ProjectArchived, ProjectTooDeep, QuotaExceeded
    ),
)
@permits("own", elsewhere=403)
async def create_project(projects: WriteProjects, data: ProjectCreate) -> JsonRow:
    """Create a project.

    You are its owner; below another one it has the members of that, and so its owner.
    """
    return await projects.create(data)


@router.get(
    "/{project_id}",
    operation_id="get_project",
    response_model=ProjectRead,
    responses=problems(NotFound),
)
@permits("viewer")
async def get_project(projects: ReadProjects, project_id: UUID) -> JsonRow:
    """Read a project.

    Any that you are a member of, archived or not.
    """
    return await projects.read(project_id)


@router.patch(
    "/{project_id}",
    operation_id="update_project",
    response_model=ProjectRead,
    responses=problems(NotFound, Forbidden, ProjectArchived, InboxProtected),
)
@permits("editor")
async def update_project(
    projects: WriteProjects, project_id: UUID, data: ProjectUpdate, expected: ExpectedVersion
) -> JsonRow:
    """Change a project.

    A merge patch (RFC 7396): only the fields that you send change, and `null` clears. An archived
    project takes no change but `"archived": false`, alone or with others.
    """
    return await projects.update(project_id, data, expected)


@router.post(
    "/{project_id}/move",
    operation_id="move_project",
    response_model=ProjectRead,
    responses=problems(
        NotFound,
        Forbidden,
        ProjectArchived,
        ProjectNotFound,
        InboxProtected,
        PlaceAmbiguous,
        PlaceContradicts,
        MovedIntoItself,
        ProjectTooDeep,
    ),
)
@permits("viewer")
async def move_project(
    projects: WriteProjects, project_id: UUID, data: ProjectMove, expected: ExpectedVersion
) -> JsonRow:
    """Move a project.

    Before or after another one, wherever that is; or first or last where it is, or below
    `parent_id`. Those below it go with it. At the top level you order projects for yourself,
    whatever your role; below another one, for all its members. A project that comes below one of
    another tree gets the members of that; only the owner of both may do so.
    """
    return await projects.move(project_id, data, expected)


@router.delete(
    "/{project_id}",
    status_code=204,
    operation_id="delete_project",
    responses=problems(NotFound, Forbidden, InboxProtected),
)
@permits("owner")
async def delete_project(
    projects: WriteProjects, project_id: UUID, expected: ExpectedVersion
) -> None:
    """Delete a project.

    Its todos and the projects below it, with theirs, go with it. Only its owner may.
    """
    await projects.delete(project_id, expected)
