"""The table of contents: every feature, with what it declares."""

from fastapi import FastAPI

from app.features.activity import router as activity
from app.features.auth import router as auth
from app.features.comments import router as comments
from app.features.completions import router as completions
from app.features.invitations import router as invitations
from app.features.labels import router as labels
from app.features.members import router as members
from app.features.projects import router as projects
from app.features.quick import router as quick
from app.features.sessions import router as sessions
from app.features.todos import router as todos
from app.features.trash import router as trash
from app.features.users import router as users
from app.features.views import router as views
from app.web import health

FEATURES = tuple(
    module.FEATURE
    for module in (
        quick,
        todos,
        views,
        completions,
        trash,
        comments,
        activity,
        labels,
        projects,
        members,
        invitations,
        users,
        sessions,
        auth,
        health,
    )
)
SCOPES = {scope: text for feature in FEATURES for scope, text in feature.scopes.items()}


def include_features(app: FastAPI) -> None:
    """Mount all of it.

    Their routes become the app's own: FastAPI's included routers match each request twice.
    """
    # Routes are tried one after the other, and /livez is asked most often: 20 more cost 40 µs.
    for feature in sorted(FEATURES, key=lambda feature: feature is not health.FEATURE):
        for router in feature.routers:
            app.router.routes.extend(router.routes)
