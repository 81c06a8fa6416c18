"""Every feature's tables, so that Alembic sees one metadata."""

from app.database import changes, idempotency_keys
from app.database.base import Base
from app.features.activity import models as activity
from app.features.comments import models as comments
from app.features.labels import models as labels
from app.features.projects import models as projects
from app.features.recurrence import models as recurrence
from app.features.sessions import models as sessions
from app.features.todos import models as todos
from app.features.users import models as users

__all__ = [
    "Base",
    "activity",
    "changes",
    "comments",
    "idempotency_keys",
    "labels",
    "projects",
    "recurrence",
    "sessions",
    "todos",
    "users",
]
