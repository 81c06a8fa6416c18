"""Every feature's tables, so that Alembic sees one metadata."""

from app.auth.models import RefreshToken, SignInSession
from app.core.changes import changes
from app.core.idempotency_keys import keys
from app.core.tables import Base
from app.projects.models import Project, ProjectMember
from app.todos.models import Todo
from app.users.models import User

__all__ = [
    "Base",
    "Project",
    "ProjectMember",
    "RefreshToken",
    "SignInSession",
    "Todo",
    "User",
    "changes",
    "keys",
]
