"""The table of contents: every feature's routes."""

from fastapi import FastAPI

from app.auth.router import router as oauth
from app.auth.router import well_known
from app.core.health import router as health
from app.projects.router import router as projects
from app.sessions.router import router as sessions
from app.todos.router import router as todos
from app.users.router import router as users

_ROUTERS = (todos, projects, users, sessions, oauth, well_known, health)


def include_features(app: FastAPI) -> None:
    """Mount all of it.

    Their routes become the app's own: FastAPI's included routers match each request twice.
    """
    for router in _ROUTERS:
        app.router.routes.extend(router.routes)
