"""`/v1/todos/{todo_id}/completions` and `/v1/todos/{todo_id}/occurrences`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request

from app.core.errors import CursorInvalid, Forbidden, NotFound
from app.core.schemas import JsonPage, JsonRow
from app.features.completions.dependencies import ReadCompletions, WriteCompletions
from app.features.completions.schemas import (
    CompletionCreate,
    CompletionMade,
    CompletionPage,
    CompletionQuery,
    OccurrenceQuery,
    Occurrences,
)
from app.features.projects.errors import ProjectArchived
from app.features.recurrence.errors import (
    CompletionNotLatest,
    NotRepeating,
    OccurrenceNotCurrent,
)
from app.web.dependencies import ExpectedVersion
from app.web.openapi.problems import problems
from app.web.routing import CachedRoute, Feature, permits


class _CompletionRoute(CachedRoute):
    """What it changes is a todo."""

    def location(self, request: Request, row: JsonRow) -> str:  # noqa: ARG002 - as all routes do
        """Where the todo is: a completion has no path that can be read."""
        return f"/v1/todos/{request.path_params['todo_id']}"


router = APIRouter(prefix="/v1/todos/{todo_id}", tags=["completions"], route_class=_CompletionRoute)
FEATURE = Feature(
    tag="completions",
    description="What of repeating todos is done, and what comes next.",
    routers=(router,),
)

_REFUSED = (NotFound, Forbidden, ProjectArchived)


@router.get(
    "/completions",
    operation_id="list_completions",
    response_model=CompletionPage,
    responses=problems(NotFound, CursorInvalid),
)
@permits("viewer")
async def list_completions(
    completions: ReadCompletions, todo_id: UUID, query: Annotated[CompletionQuery, Query()]
) -> JsonPage:
    """List a todo's completions.

    The newest first.
    """
    return await completions.list(todo_id, query)


@router.post(
    "/completions",
    status_code=201,
    operation_id="create_completion",
    response_model=CompletionMade,
    responses=problems(*_REFUSED, NotRepeating, OccurrenceNotCurrent),
)
@permits("editor")
async def create_completion(
    completions: WriteCompletions, todo_id: UUID, data: CompletionCreate, expected: ExpectedVersion
) -> JsonRow:
    """Complete the current occurrence.

    The todo is then due at the next one, and its subtasks are open again, all levels of them; after
    the last one it is completed. It can be sent again: another occurrence than the current one is
    refused. The `ETag` is the todo's.
    """
    return await completions.create(todo_id, data, expected)


@router.delete(
    "/completions/{completion_id}",
    status_code=204,
    operation_id="delete_completion",
    responses=problems(*_REFUSED, CompletionNotLatest),
)
@permits("editor")
async def delete_completion(
    completions: WriteCompletions, todo_id: UUID, completion_id: UUID, expected: ExpectedVersion
) -> None:
    """Take the latest completion back.

    The todo is open again, and due as before. `If-Match` goes by the todo's version.
    """
    await completions.delete(todo_id, completion_id, expected)


@router.get(
    "/occurrences",
    operation_id="list_occurrences",
    response_model=Occurrences,
    responses=problems(NotFound),
)
@permits("viewer")
async def list_occurrences(
    completions: ReadCompletions, todo_id: UUID, query: Annotated[OccurrenceQuery, Query()]
) -> JsonRow:
    """List occurrences.

    The current one first, then those that follow if each is completed on its day; none for a todo
    that does not repeat. The `ETag` is the todo's.
    """
    return await completions.occurrences(todo_id, query)
