"""`/v1/trash`, and the restores of todos and projects."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.core.errors import CursorInvalid, Forbidden, NotFound, QuotaExceeded
from app.core.schemas import JsonPage, JsonRow
from app.features.projects.errors import ProjectArchived
from app.features.projects.schemas import ProjectRead
from app.features.todos.schemas import TodoRead
from app.features.trash.dependencies import ReadTrash, RestoreProjects, RestoreTodos, WriteTrash
from app.features.trash.schemas import TrashPage, TrashQuery
from app.web.dependencies import ExpectedVersion
from app.web.openapi.problems import problems
from app.web.routing import Feature, permits
from app.web.routing import router as new_router

router = new_router("/v1/trash", "trash", cached=True)
todos_router = new_router("/v1/todos/{todo_id}", "trash")
projects_router = new_router("/v1/projects/{project_id}", "trash")
FEATURE = Feature(
    tag="trash",
    description="What was deleted, until it is restored or purged.",
    routers=(router, todos_router, projects_router),
)


@router.get(
    "",
    operation_id="list_trash",
    response_model=TrashPage,
    responses=problems(CursorInvalid),
)
@permits("own")
async def list_trash(trash: ReadTrash, query: Annotated[TrashQuery, Query()]) -> JsonPage:
    """List the trash.

    The todos and projects that were deleted themselves, where you may restore them; the newest
    first. What went along with one of them comes back with it.
    """
    return await trash.list(query)


@router.delete("", status_code=204, operation_id="purge_trash", responses=problems())
@permits("own")
async def purge_trash(trash: WriteTrash) -> None:
    """Empty the trash.

    Purges all that you may, for good: what is in projects of your own.
    """
    await trash.purge_all()


@router.delete(
    "/{item_id}",
    status_code=204,
    operation_id="purge_trash_item",
    responses=problems(NotFound, Forbidden),
)
@permits("owner")
async def purge_trash_item(trash: WriteTrash, item_id: UUID) -> None:
    """Purge one.

    A todo or a project, with all that went with it, for good; its id stays taken. Only the owner of
    the project may.
    """
    await trash.purge(item_id)


@todos_router.post(
    "/restore",
    operation_id="restore_todo",
    response_model=TodoRead,
    responses=problems(NotFound, Forbidden, ProjectArchived, QuotaExceeded),
)
@permits("editor")
async def restore_todo(trash: RestoreTodos, todo_id: UUID, expected: ExpectedVersion) -> JsonRow:
    """Restore a todo.

    It comes back to its place, with all that its deletion took; last at the top level if its parent
    is gone, and in your Inbox if its project is in the trash. An open one that comes below a
    completed todo reopens that todo and all above it.
    """
    return await trash.restore_todo(todo_id, expected)


@projects_router.post(
    "/restore",
    operation_id="restore_project",
    response_model=ProjectRead,
    responses=problems(NotFound, Forbidden),
)
@permits("owner")
async def restore_project(
    trash: RestoreProjects, project_id: UUID, expected: ExpectedVersion
) -> JsonRow:
    """Restore a project.

    It comes back to its place, with all that its deletion took; to the top level if the project
    above it is gone. Only its owner may.
    """
    return await trash.restore_project(project_id, expected)
