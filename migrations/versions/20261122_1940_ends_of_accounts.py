"""Accounts that were deleted, and the networks and the list of sessions.

Revises: 5b0f3d6c8e21
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.concurrent_indexes import concurrently, create_index, drop_index

revision: str = "8c1e4d70b3a6"
down_revision: str | None = "5b0f3d6c8e21"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    # They are kept although what follows may fail, and be tried again.
    for table, column in (
        ("users", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True)),
        ("sessions", sa.Column("network", sa.Text(), nullable=True)),
    ):
        op.add_column(table, column, if_not_exists=True)
    with concurrently():
        create_index(
            "ix_sessions_created_at",
            "sessions",
            ["user_id", "created_at", "id"],
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        create_index("ix_sessions_network", "sessions", ["user_id", "network", "last_used_at"])
        drop_index("ix_sessions_user_id", "sessions")


def downgrade() -> None:
    with concurrently():
        create_index("ix_sessions_user_id", "sessions", ["user_id"])
        drop_index("ix_sessions_network", "sessions")
        drop_index("ix_sessions_created_at", "sessions")
    op.drop_column("sessions", "network")
    op.drop_column("users", "deleted_at")
