"""Dependencies of the comments' routes: the service, for reads and for writes."""

from typing import Annotated

from fastapi import Request, Security

from app.database.unit_of_work import Connection
from app.features.comments.repository import CommentRepository
from app.features.comments.service import CommentService
from app.features.projects.permissions import seen_by
from app.web.dependencies import (
    app_state,
    principal,
    read_connection,
    request_context,
    unit_of_work,
)


def _service(request: Request, connection: Connection) -> CommentService:
    state, caller = app_state(request), principal(request)
    return CommentService(
        CommentRepository(connection, seen_by(caller)),
        caller,
        request_context(request),
        state.cursor_signer,
        state.settings.quota_comments,
    )


def _reading(request: Request) -> CommentService:
    return _service(request, read_connection(request))


def _writing(request: Request) -> CommentService:
    return _service(request, unit_of_work(request))


ReadComments = Annotated[CommentService, Security(_reading, scopes=["todos:read"])]
WriteComments = Annotated[CommentService, Security(_writing, scopes=["todos:write"])]
