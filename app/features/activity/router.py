"""`/v1/todos/{todo_id}/activity` and `/v1/projects/{project_id}/activity`."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.core.errors import CursorInvalid, NotFound
from app.core.schemas import JsonPage
from app.features.activity.dependencies import ReadActivity
from app.features.activity.schemas import ActivityPage, ActivityQuery
from app.web.openapi.problems import problems
from app.web.routing import Feature, permits, router

of_todos = router("/v1/todos/{todo_id}/activity", "activity", cached=True)
of_projects = router("/v1/projects/{project_id}/activity", "activity", cached=True)
# Its scopes are those of todos.
FEATURE = Feature(
    tag="activity",
    description="What happened, the newest first. What happened in a project that you do not see "
    "is not shown, nor are new positions by the moves of others.",
    routers=(of_todos, of_projects),
)


@of_todos.get(
    "",
    operation_id="list_todo_activity",
    response_model=ActivityPage,
    responses=problems(NotFound, CursorInvalid),
)
@permits("viewer")
async def list_todo_activity(
    activity: ReadActivity, todo_id: UUID, query: Annotated[ActivityQuery, Query()]
) -> JsonPage:
    """List what happened to a todo.

    The comments on it are among it.
    """
    return await activity.of_todo(todo_id, query)


@of_projects.get(
    "",
    operation_id="list_project_activity",
    response_model=ActivityPage,
    responses=problems(NotFound, CursorInvalid),
)
@permits("viewer")
async def list_project_activity(
    activity: ReadActivity, project_id: UUID, query: Annotated[ActivityQuery, Query()]
) -> JsonPage:
    """List what happened in a project.

    To itself, and to its todos and the comments on them. Of a todo that went to another project
    the last is that it went.
    """
    return await activity.of_project(project_id, query)
