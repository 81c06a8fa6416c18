"""`/v1/sessions`."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from app.core.errors import CursorInvalid, NotFound
from app.core.schemas import JsonPage
from app.features.sessions.dependencies import AccountManager, ReadSessions, WriteSessions
from app.features.sessions.schemas import SessionPage, SessionQuery
from app.web.openapi.problems import problems
from app.web.routing import Feature, permits
from app.web.routing import router as new_router

router = new_router("/v1/sessions", "sessions")
FEATURE = Feature(
    tag="sessions",
    description="What is signed in.",
    routers=(router,),
    scopes={"account:manage": "Manage the account, its sessions and tokens."},
)


@router.get(
    "",
    operation_id="list_sessions",
    response_model=SessionPage,
    responses=problems(CursorInvalid),
)
@permits("own")
async def list_sessions(
    caller: AccountManager, sessions: ReadSessions, query: Annotated[SessionQuery, Query()]
) -> JsonPage:
    """List your sessions.

    One for each sign-in, the newest first, as long as one of its tokens may be valid.
    """
    return await sessions.list(caller, query)


@router.delete(
    "/{session_id}",
    status_code=204,
    operation_id="delete_session",
    responses=problems(NotFound),
)
@permits("own")
async def delete_session(caller: AccountManager, sessions: WriteSessions, session_id: UUID) -> None:
    """End a session.

    Its tokens are refused within a second, everywhere. It may be your current session.
    """
    await sessions.end_own(caller, session_id)


@router.delete("", status_code=204, operation_id="delete_other_sessions")
@permits("own")
async def delete_other_sessions(caller: AccountManager, sessions: WriteSessions) -> None:
    """End all other sessions.

    Their tokens are refused within a second, everywhere.
    """
    await sessions.end_others(caller)
