"""`/v1/todos/quick`."""

from typing import Any

from fastapi import APIRouter, Request, Response

from app.core.errors import Forbidden, QuotaExceeded
from app.core.schemas import JsonRow
from app.features.projects.errors import ProjectArchived, ProjectNotFound
from app.features.quick.dependencies import WriteQuick
from app.features.quick.schemas import QuickAdd, QuickRead
from app.web.openapi.problems import problems
from app.web.responses import SchemaResponse
from app.web.routing import CachedRoute, Feature, permits


class _TodoRoute(CachedRoute):
    """What it makes is a todo."""

    def location(self, request: Request, row: JsonRow) -> str:  # noqa: ARG002 - as all routes do
        """Where the todo is."""
        return f"/v1/todos/{row.id}"


router = APIRouter(prefix="/v1/todos/quick", tags=["quick"], route_class=_TodoRoute)
FEATURE = Feature(tag="quick", description="Todos of plain words.", routers=(router,))

_DRY_RUN: dict[int | str, dict[str, Any]] = {
    200: {"model": QuickRead, "description": "A dry run: nothing was made."}
}


@router.post(
    "",
    status_code=201,
    operation_id="create_todo_from_text",
    response_model=QuickRead,
    responses=_DRY_RUN | problems(Forbidden, ProjectNotFound, ProjectArchived, QuotaExceeded),
)
@permits("own", elsewhere=404)
async def create_todo_from_text(quick: WriteQuick, data: QuickAdd) -> JsonRow | Response:
    """Create a todo from a text.

    What the text says beside the title is told with its place in the text. The `ETag` is the
    todo's.
    """
    added = await quick.add(data)
    if isinstance(added, JsonRow):
        return added
    headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization"}
    return SchemaResponse(added, headers=headers)
