"""`/v1/todos/{todo_id}/comments`."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.core.errors import CursorInvalid, Forbidden, IdTaken, NotFound, QuotaExceeded
from app.core.schemas import JsonPage, JsonRow
from app.features.comments.dependencies import ReadComments, WriteComments
from app.features.comments.schemas import (
    CommentCreate,
    CommentPage,
    CommentQuery,
    CommentRead,
    CommentUpdate,
)
from app.features.projects.errors import ProjectArchived
from app.web.dependencies import ExpectedVersion
from app.web.openapi.problems import problems
from app.web.routing import Feature, permits
from app.web.routing import router as new_router

router = new_router("/v1/todos/{todo_id}/comments", "comments", cached=True)
# Its scopes are those of todos.
FEATURE = Feature(
    tag="comments",
    description="What members of a project say about its todos. A comment is no part of the todo: "
    "it does not raise its version.",
    routers=(router,),
)

_REFUSED = (NotFound, Forbidden, ProjectArchived)


@router.get(
    "",
    operation_id="list_comments",
    response_model=CommentPage,
    responses=problems(NotFound, CursorInvalid),
)
@permits("viewer")
async def list_comments(
    comments: ReadComments, todo_id: UUID, query: Annotated[CommentQuery, Query()]
) -> JsonPage:
    """List a todo's comments.

    The newest first, unless you sort them otherwise.
    """
    return await comments.list(todo_id, query)


@router.post(
    "",
    status_code=201,
    operation_id="create_comment",
    response_model=CommentRead,
    responses=problems(*_REFUSED, IdTaken, QuotaExceeded),
)
@permits("editor")
async def create_comment(comments: WriteComments, todo_id: UUID, data: CommentCreate) -> JsonRow:
    """Comment on a todo.

    You are its author. Who may edit the todo may comment on it.
    """
    return await comments.create(todo_id, data)


@router.get(
    "/{comment_id}",
    operation_id="get_comment",
    response_model=CommentRead,
    responses=problems(NotFound),
)
@permits("viewer")
async def get_comment(comments: ReadComments, todo_id: UUID, comment_id: UUID) -> JsonRow:
    """Read a comment.

    Who sees the todo sees it.
    """
    return await comments.read(todo_id, comment_id)


@router.patch(
    "/{comment_id}",
    operation_id="update_comment",
    response_model=CommentRead,
    responses=problems(*_REFUSED),
)
@permits("author")
async def update_comment(
    comments: WriteComments,
    todo_id: UUID,
    comment_id: UUID,
    data: CommentUpdate,
    expected: ExpectedVersion,
) -> JsonRow:
    """Change a comment.

    A merge patch (RFC 7396). Only its author may.
    """
    return await comments.update(todo_id, comment_id, data, expected)


@router.delete(
    "/{comment_id}",
    status_code=204,
    operation_id="delete_comment",
    responses=problems(*_REFUSED),
)
@permits("owner")
async def delete_comment(
    comments: WriteComments, todo_id: UUID, comment_id: UUID, expected: ExpectedVersion
) -> None:
    """Delete a comment.

    Its author may, and the project's owner.
    """
    await comments.delete(todo_id, comment_id, expected)
