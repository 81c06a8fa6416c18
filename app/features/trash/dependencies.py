"""Dependencies of the trash's routes: the service, for reads and for writes."""

from datetime import timedelta
from typing import Annotated

from fastapi import Request, Security

from app.database.unit_of_work import Connection
from app.features.projects.permissions import seen_by
from app.features.trash.purger import Purger
from app.features.trash.repository import TrashRepository
from app.features.trash.service import TrashService
from app.web.dependencies import (
    app_state,
    principal,
    read_connection,
    request_context,
    unit_of_work,
)


def _service(request: Request, connection: Connection) -> TrashService:
    state, caller = app_state(request), principal(request)
    return TrashService(
        TrashRepository(connection, seen_by(caller)),
        Purger(connection),
        caller,
        request_context(request),
        state.cursor_signer,
        state.settings.quota_todos,
        state.settings.quota_labels,
        timedelta(days=state.settings.trash_days),
    )


def _reading(request: Request) -> TrashService:
    return _service(request, read_connection(request))


def _writing(request: Request) -> TrashService:
    return _service(request, unit_of_work(request))


# Both, since there are todos and projects in it.
ReadTrash = Annotated[TrashService, Security(_reading, scopes=["todos:read", "projects:read"])]
WriteTrash = Annotated[TrashService, Security(_writing, scopes=["todos:write", "projects:write"])]
RestoreTodos = Annotated[TrashService, Security(_writing, scopes=["todos:write"])]
RestoreProjects = Annotated[TrashService, Security(_writing, scopes=["projects:write"])]
