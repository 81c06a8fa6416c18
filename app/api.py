"""The table of contents: every feature's routes."""

from fastapi import FastAPI

from app.auth.router import router as oauth
from app.auth.router import well_known
from app.core.health import router as health
from app.projects.router import router as projects
from app.todos.router import router as todos
from app.users.router import router as users


def include_features(app: FastAPI) -> None:
    """Mount all of it."""
    app.include_router(todos)
    app.include_router(projects)
    app.include_router(users)
    app.include_router(oauth)
    app.include_router(well_known)
    app.include_router(health)
