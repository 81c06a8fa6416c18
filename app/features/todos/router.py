"""`/v1/todos`."""

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
from app.features.labels.errors import LabelRepeated
from app.features.projects.errors import (
    MovedIntoItself,
    PlaceAmbiguous,
    PlaceContradicts,
    ProjectArchived,
    ProjectNotFound,
)
from app.features.recurrence.errors import (
    RecurrenceNeedsDue,
    RruleEnds,
    RruleInvalid,
    RruleTooFine,
)
from app.features.todos.dependencies import ReadTodos, WriteTodos
from app.features.todos.errors import (
    ParentElsewhere,
    ParentNotFound,
    SiblingNotFound,
    SortNeedsProject,
    SortNeedsSearch,
    TooDeep,
)
from app.features.todos.schemas import (
    TodoCreate,
    TodoMove,
    TodoPage,
    TodoQuery,
    TodoRead,
    TodoUpdate,
)
from app.web.dependencies import ExpectedVersion
from app.web.openapi.problems import problems
from app.web.routing import Feature, permits
from app.web.routing import router as new_router

router = new_router("/v1/todos", "todos", cached=True)
FEATURE = Feature(
    tag="todos",
    description="What there is to do.",
    routers=(router,),
    scopes={
        "todos:read": "Read todos.",
        "todos:write": "Create, change and delete todos.",
    },
)

_REFUSED = (NotFound, Forbidden, ProjectArchived)
_RECURRENCE = (RruleInvalid, RruleTooFine, RruleEnds, RecurrenceNeedsDue)


@router.get(
    "",
    operation_id="list_todos",
    response_model=TodoPage,
    responses=problems(CursorInvalid, SortNeedsProject, SortNeedsSearch),
)
@permits("own")
async def list_todos(todos: ReadTodos, query: Annotated[TodoQuery, Query()]) -> JsonPage:
    """List todos.

    All that you can see, or those that match every filter, without the ones of archived
    projects unless you name these.
    """
    return await todos.list(query)


@router.post(
    "",
    status_code=201,
    operation_id="create_todo",
    response_model=TodoRead,
    responses=problems(
        IdTaken,
        Forbidden,
        ProjectNotFound,
        ProjectArchived,
        ParentNotFound,
        ParentElsewhere,
        TooDeep,
        LabelRepeated,
        QuotaExceeded,
        *_RECURRENCE,
    ),
)
@permits("editor")
async def create_todo(todos: WriteTodos, data: TodoCreate) -> JsonRow:
    """Create a todo.

    It is placed last in its project. An open one below a completed todo reopens that todo and all
    above it.
    """
    return await todos.create(data)


@router.get(
    "/{todo_id}",
    operation_id="get_todo",
    response_model=TodoRead,
    responses=problems(NotFound),
)
@permits("viewer")
async def get_todo(todos: ReadTodos, todo_id: UUID) -> JsonRow:
    """Read a todo.

    A deleted one is not found.
    """
    return await todos.read(todo_id)


@router.patch(
    "/{todo_id}",
    operation_id="update_todo",
    response_model=TodoRead,
    responses=problems(*_REFUSED, *_RECURRENCE, LabelRepeated, QuotaExceeded),
)
@permits("editor")
async def update_todo(
    todos: WriteTodos, todo_id: UUID, data: TodoUpdate, expected: ExpectedVersion
) -> JsonRow:
    """Change a todo.

    A merge patch (RFC 7396): only the fields that you send change, and `null` clears. Completing it
    completes its open subtasks, all levels of them; reopening it reopens all above it, and none
    below. Of one that repeats this completes the current occurrence: it stays open, with the next
    `due`, and its subtasks are reopened, until the rule ends; reopening it takes its last
    completion back. If you may have to send it again, use `If-Match`, or make a completion instead.
    """
    return await todos.update(todo_id, data, expected)


@router.post(
    "/{todo_id}/move",
    operation_id="move_todo",
    response_model=TodoRead,
    responses=problems(
        *_REFUSED,
        PlaceAmbiguous,
        PlaceContradicts,
        MovedIntoItself,
        SiblingNotFound,
        ParentNotFound,
        ProjectNotFound,
        TooDeep,
        QuotaExceeded,
    ),
)
@permits("editor")
async def move_todo(
    todos: WriteTodos, todo_id: UUID, data: TodoMove, expected: ExpectedVersion
) -> JsonRow:
    """Move a todo.

    Before or after another one, wherever that is; or first or last where it is, below `parent_id`
    or in `project_id`. Its subtasks go with it, those in the trash too, for which there has to be a
    level. An open one that comes below a completed todo reopens that todo and all above it. In a
    project of another owner their labels are that owner's, made if they are new. A few siblings may
    get new positions.
    """
    return await todos.move(todo_id, data, expected)


@router.delete(
    "/{todo_id}",
    status_code=204,
    operation_id="delete_todo",
    responses=problems(*_REFUSED),
)
@permits("editor")
async def delete_todo(todos: WriteTodos, todo_id: UUID, expected: ExpectedVersion) -> None:
    """Delete a todo.

    Its subtasks, all levels of them, go with it.
    """
    await todos.delete(todo_id, expected)
