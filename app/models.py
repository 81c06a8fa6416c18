"""Every feature's tables, so that Alembic sees one metadata."""

import app.database.changes
import app.database.idempotency_keys
import app.features.activity.models
import app.features.comments.models
import app.features.invitations.models
import app.features.labels.models
import app.features.projects.models
import app.features.recurrence.models
import app.features.sessions.models
import app.features.todos.models
import app.features.trash.models
import app.features.users.models
from app.database.base import Base

metadata = Base.metadata
