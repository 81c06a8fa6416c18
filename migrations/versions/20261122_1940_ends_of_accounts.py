"""Accounts that were deleted, and the networks and the list of sessions.

Revises: 5b0f3d6c8e21
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "8c1e4d70b3a6"
down_revision: str | None = "5b0f3d6c8e21"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.add_column("users", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("sessions", sa.Column("network", sa.Text(), nullable=True))
    with op.get_context().autocommit_block():
        _create_index("ix_sessions_created_at", ["user_id", "created_at", "id"], "ended_at IS NULL")
        _create_index("ix_sessions_network", ["user_id", "network", "last_used_at"])
        _drop_index("ix_sessions_user_id")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _create_index("ix_sessions_user_id", ["user_id"])
        _drop_index("ix_sessions_network")
        _drop_index("ix_sessions_created_at")
    op.drop_column("sessions", "network")
    op.drop_column("users", "deleted_at")


def _create_index(name: str, keys: list[str], condition: str | None = None) -> None:
    # One that was begun before and failed is there, but not valid.
    _drop_index(name)
    op.create_index(
        name,
        "sessions",
        keys,
        postgresql_where=sa.text(condition) if condition else None,
        postgresql_concurrently=True,
    )


def _drop_index(name: str) -> None:
    op.drop_index(name, table_name="sessions", postgresql_concurrently=True, if_exists=True)
