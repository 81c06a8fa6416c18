"""Dependencies of the completions' routes: the service, for reads and for writes."""

from typing import Annotated

from fastapi import Request, Security

from app.database.unit_of_work import Connection
from app.features.completions.repository import CompletionRepository
from app.features.completions.service import CompletionService
from app.features.projects.permissions import seen_by
from app.features.todos.dependencies import todo_service
from app.web.dependencies import app_state, principal, read_connection, unit_of_work


def _service(request: Request, connection: Connection) -> CompletionService:
    caller = principal(request)
    return CompletionService(
        CompletionRepository(connection, seen_by(caller)),
        todo_service(request, connection),
        caller,
        app_state(request).cursor_signer,
    )


def _reading(request: Request) -> CompletionService:
    return _service(request, read_connection(request))


def _writing(request: Request) -> CompletionService:
    return _service(request, unit_of_work(request))


ReadCompletions = Annotated[CompletionService, Security(_reading, scopes=["todos:read"])]
WriteCompletions = Annotated[CompletionService, Security(_writing, scopes=["todos:write"])]
