"""The dependency of the activity's routes: the service."""

from typing import Annotated

from fastapi import Request, Security

from app.features.activity.repository import ActivityRepository
from app.features.activity.service import ActivityService
from app.features.projects.permissions import seen_by
from app.web.dependencies import app_state, principal, read_connection


def _reading(request: Request) -> ActivityService:
    caller = principal(request)
    return ActivityService(
        ActivityRepository(read_connection(request), seen_by(caller)),
        caller,
        app_state(request).cursor_signer,
    )


ReadActivity = Annotated[ActivityService, Security(_reading, scopes=["todos:read"])]
