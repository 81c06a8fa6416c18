"""Dependencies of the views' routes: the service, which reads."""

from typing import Annotated

from fastapi import Request, Security

from app.features.todos.dependencies import todo_reader
from app.features.views.service import ViewService
from app.web.dependencies import principal


def _service(request: Request) -> ViewService:
    return ViewService(todo_reader(request), principal(request))


Views = Annotated[ViewService, Security(_service, scopes=["todos:read"])]
