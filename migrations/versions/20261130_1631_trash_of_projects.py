"""With which deletion each project went.

It is apart from that of the todos: no transaction locks both tables, which writes lock in another
order.

Revises: d14b7c20e9a5
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.concurrent_indexes import concurrently, create_index

revision: str = "d25c8e31fa06"
down_revision: str | None = "d14b7c20e9a5"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_TRIGGER = """
CREATE OR REPLACE TRIGGER refuse_purged_id AFTER INSERT ON projects
FOR EACH ROW EXECUTE FUNCTION refuse_purged_id()
"""


def upgrade() -> None:
    column = sa.Column("deletion_id", sa.Uuid(), nullable=True)
    op.add_column("projects", column, if_not_exists=True)
    op.execute(_TRIGGER)
    with concurrently():
        create_index(
            "ix_projects_deletion_id",
            "projects",
            ["deletion_id"],
            postgresql_where=sa.text("deletion_id IS NOT NULL"),
        )
        create_index(
            "ix_projects_trashed_at",
            "projects",
            ["deleted_at", "id"],
            postgresql_where=sa.text("deletion_id = id"),
        )
        create_index(
            "ix_projects_without_deletion",
            "projects",
            ["id"],
            postgresql_where=sa.text("deleted_at IS NOT NULL AND deletion_id IS NULL"),
        )


def downgrade() -> None:
    for name in ("without_deletion", "trashed_at", "deletion_id"):
        op.drop_index(f"ix_projects_{name}", "projects")
    op.execute("DROP TRIGGER refuse_purged_id ON projects")
    op.drop_column("projects", "deletion_id")
