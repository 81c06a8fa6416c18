"""The index of what left a project, so that its purge finds what was said of that there.

Revises: c58e1b0f7a94
"""

from collections.abc import Sequence

import sqlalchemy as sa

from app.database.concurrent_indexes import concurrently, create_index, drop_index

revision: str = "c60a4f7be213"
down_revision: str | None = "c58e1b0f7a94"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_NAME = "ix_changes_departures"


def upgrade() -> None:
    with concurrently():
        create_index(
            _NAME,
            "changes",
            ["project_id"],
            postgresql_where=sa.text("row_after -> 'project_id' = 'null'"),
        )


def downgrade() -> None:
    with concurrently():
        drop_index(_NAME, "changes")
