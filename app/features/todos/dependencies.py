"""Dependencies of the todos' routes: the service, for reads and for writes."""

from typing import Annotated

from fastapi import Request, Security

from app.database.unit_of_work import Connection
from app.features.projects.permissions import seen_by
from app.features.recurrence.completion_log import CompletionLog
from app.features.todos.repository import TodoRepository
from app.features.todos.service import TodoService
from app.web.dependencies import (
    app_state,
    principal,
    read_connection,
    request_context,
    unit_of_work,
)


def todo_service(request: Request, connection: Connection) -> TodoService:
    """Make the service; other features use it too."""
    state = app_state(request)
    caller, context = principal(request), request_context(request)
    return TodoService(
        TodoRepository(connection, seen_by(caller)),
        CompletionLog(connection),
        caller,
        context,
        state.cursor_signer,
        state.settings.quota_todos,
        state.settings.quota_labels,
    )


def todo_reader(request: Request) -> TodoService:
    """Make the service for reads; other features use it too."""
    return todo_service(request, read_connection(request))


def _writing(request: Request) -> TodoService:
    return todo_service(request, unit_of_work(request))


ReadTodos = Annotated[TodoService, Security(todo_reader, scopes=["todos:read"])]
WriteTodos = Annotated[TodoService, Security(_writing, scopes=["todos:write"])]
