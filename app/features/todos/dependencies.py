"""What the todos' routes ask for: the service, for reading or for writing."""

from typing import Annotated

from fastapi import Request, Security

from app.core.context import Context
from app.database.unit_of_work import Connection
from app.features.projects.permissions import seen_by
from app.features.todos.repository import TodoRepository
from app.features.todos.service import TodoService
from app.security.principal import Principal
from app.web.bearer import Caller
from app.web.dependencies import Reading, RequestContext, Transaction, app_state


def _service(
    connection: Connection, principal: Principal, context: Context, request: Request
) -> TodoService:
    state = app_state(request)
    return TodoService(
        TodoRepository(connection, seen_by(principal)),
        principal,
        context,
        state.cursor_signer,
        state.settings.quota_todos,
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
