"""What the todos' routes ask for: the service, for reading or for writing."""

from typing import Annotated

from fastapi import Request, Security

from app.core.authentication import Caller, Principal
from app.core.context import Context, RequestContext
from app.core.database import Connection, Reading, Transaction
from app.projects.dependencies import project_service
from app.projects.permissions import seen_by
from app.todos.repository import TodoRepository
from app.todos.service import TodoService


def _service(
    connection: Connection, principal: Principal, context: Context, request: Request
) -> TodoService:
    return TodoService(
        TodoRepository(connection, seen_by(principal)),
        project_service(connection, principal, context, request.app.state.cursor_signer),
        principal,
        context,
        request.app.state.cursor_signer,
    )


async def _reading(
    principal: Caller, connection: Reading, context: RequestContext, request: Request
) -> TodoService:
    return _service(connection, principal, context, request)


async def _writing(
    principal: Caller, session: Transaction, context: RequestContext, request: Request
) -> TodoService:
    return _service(session, principal, context, request)


ReadTodos = Annotated[TodoService, Security(_reading, scopes=["todos:read"])]
WriteTodos = Annotated[TodoService, Security(_writing, scopes=["todos:write"])]
