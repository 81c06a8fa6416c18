"""Every feature's tables, so that Alembic sees one metadata."""

from app.database.base import Base
from app.database.changes import changes
from app.database.idempotency_keys import keys
from app.features.labels.models import Label
from app.features.projects.models import Project, ProjectMember
from app.features.sessions.models import RefreshToken, SignInSession
from app.features.todos.models import Todo
from app.features.users.models import User

__all__ = [
    "Base",
    "Label",
    "Project",
    "ProjectMember",
    "RefreshToken",
    "SignInSession",
    "Todo",
    "User",
    "changes",
    "keys",
]
