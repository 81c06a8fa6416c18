"""Which changes make room for others' moves, and indexes of changes by what they are of.

Revises: d16a00c0e4f1
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.concurrent_indexes import concurrently, create_index, drop_index

revision: str = "d16b10ac7e52"
down_revision: str | None = "d16a00c0e4f1"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    # The version before does not know, and says so of none.
    incidental: sa.Column[bool] = sa.Column(
        "incidental", sa.Boolean(), server_default=sa.false(), nullable=False
    )
    op.add_column("changes", incidental, if_not_exists=True)
    with concurrently():
        create_index(
            "ix_changes_resource_id_project_id", "changes", ["resource_id", "project_id", "id"]
        )
        create_index("ix_changes_project_id", "changes", ["project_id", "id"])
        create_index(
            "ix_changes_comments",
            "changes",
            [sa.literal_column("(row_after ->> 'todo_id')"), "project_id", "id"],
            postgresql_where=sa.text("resource_type = 'comment'"),
        )
        drop_index("ix_changes_resource_id", "changes")


def downgrade() -> None:
    op.create_index("ix_changes_resource_id", "changes", ["resource_id", "id"])
    for name in ("comments", "project_id", "resource_id_project_id"):
        op.drop_index(f"ix_changes_{name}", "changes")
    op.drop_column("changes", "incidental")
