"""Dependencies of the labels' routes: the service, for reads and for writes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Request, Security

from app.database.unit_of_work import Connection
from app.features.labels.repository import LabelRepository
from app.features.labels.service import Labelled, LabelService
from app.features.projects.permissions import seen_by
from app.web.dependencies import (
    app_state,
    principal,
    read_connection,
    request_context,
    unit_of_work,
)


@dataclass(frozen=True, slots=True)
class LabelUse:
    """Makes what finds that which has labels; `create_app()` puts it in place."""

    of: Callable[[Connection], Labelled]


def _service(request: Request, connection: Connection) -> LabelService:
    state, caller = app_state(request), principal(request)
    return LabelService(
        LabelRepository(connection, seen_by(caller)),
        state.resource(LabelUse).of(connection),
        caller,
        request_context(request),
        state.cursor_signer,
        state.settings.quota_labels,
    )


def _reading(request: Request) -> LabelService:
    return _service(request, read_connection(request))


def _writing(request: Request) -> LabelService:
    return _service(request, unit_of_work(request))


ReadLabels = Annotated[LabelService, Security(_reading, scopes=["todos:read"])]
WriteLabels = Annotated[LabelService, Security(_writing, scopes=["todos:write"])]
