"""Dependencies of quick add's route: the service."""

from typing import Annotated

from fastapi import Request, Security

from app.features.projects.permissions import seen_by
from app.features.quick.repository import CallerRepository
from app.features.quick.service import QuickService
from app.features.todos.dependencies import todo_service
from app.web.dependencies import principal, request_context, unit_of_work


def _writing(request: Request) -> QuickService:
    unit, caller = unit_of_work(request), principal(request)
    return QuickService(
        CallerRepository(unit, seen_by(caller)),
        todo_service(request, unit),
        caller,
        request_context(request),
    )


WriteQuick = Annotated[QuickService, Security(_writing, scopes=["todos:write"])]
