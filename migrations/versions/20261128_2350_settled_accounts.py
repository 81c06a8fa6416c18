"""Ended accounts that are still to be looked after.

Revises: 8c1e4d70b3a6
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.concurrent_indexes import concurrently, create_index

revision: str = "2d7f91c4e5b8"
down_revision: str | None = "8c1e4d70b3a6"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    # It is kept although what follows may fail, and be tried again.
    op.add_column(
        "users",
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        if_not_exists=True,
    )
    with concurrently():
        create_index(
            "ix_users_unsettled",
            "users",
            ["id"],
            postgresql_where=sa.text("deleted_at IS NOT NULL AND settled_at IS NULL"),
        )


def downgrade() -> None:
    op.drop_index("ix_users_unsettled", "users")
    op.drop_column("users", "settled_at")
