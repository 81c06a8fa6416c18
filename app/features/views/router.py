"""`/v1/views` and `/v1/counts`."""

from typing import Annotated

from fastapi import Query

from app.core.errors import CursorInvalid
from app.core.schemas import JsonPage
from app.features.todos.errors import SortNeedsProject
from app.features.todos.schemas import CountQuery, TodoPage
from app.features.views.dependencies import Views
from app.features.views.schemas import CountPage, UpcomingQuery, ViewQuery
from app.web.openapi.problems import problems
from app.web.routing import Feature, permits
from app.web.routing import router as new_router

router = new_router("/v1/views", "views", cached=True)
counts_router = new_router("/v1/counts", "views", cached=True)
FEATURE = Feature(
    tag="views",
    description="What is to do by your days, and how much that is.",
    routers=(router, counts_router),
)

_REFUSED = problems(CursorInvalid, SortNeedsProject)


@router.get("/today", operation_id="list_today", response_model=TodoPage, responses=_REFUSED)
@permits("own")
async def list_today(views: Views, query: Annotated[ViewQuery, Query()]) -> JsonPage:
    """List what is due today.

    All open todos that are due by the end of your day, overdue ones too, without those of archived
    projects. A `due` in a zone counts by its instant, any other as it is written. A cursor stays
    good beyond midnight: the rest of the list is then that of the new day.
    """
    return await views.today(query)


@router.get("/upcoming", operation_id="list_upcoming", response_model=TodoPage, responses=_REFUSED)
@permits("own")
async def list_upcoming(views: Views, query: Annotated[UpcomingQuery, Query()]) -> JsonPage:
    """List what is due on the days to come.

    All open todos that are due on the `days` after today, as your day is, without those of archived
    projects; days as in `/v1/views/today`.
    """
    return await views.upcoming(query)


@router.get("/overdue", operation_id="list_overdue", response_model=TodoPage, responses=_REFUSED)
@permits("own")
async def list_overdue(views: Views, query: Annotated[ViewQuery, Query()]) -> JsonPage:
    """List what is overdue.

    All todos that `overdue=true` of `/v1/todos` finds, without those of archived projects.
    """
    return await views.overdue(query)


@counts_router.get(
    "",
    operation_id="list_counts",
    response_model=CountPage,
    responses=problems(CursorInvalid),
)
@permits("own")
async def list_counts(views: Views, query: Annotated[CountQuery, Query()]) -> JsonPage:
    """Count open and overdue todos.

    Of each project, or of each label: those on todos of your own projects, without archived ones.
    By project the token needs `projects:read` too.
    """
    return await views.counts(query)
