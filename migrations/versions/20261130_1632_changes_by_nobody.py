"""Changes that nobody asked for: retention purges by itself.

Revises: d25c8e31fa06
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "d36d9f42ab17"
down_revision: str | None = "d25c8e31fa06"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    op.alter_column("changes", "actor_id", existing_type=sa.Uuid(), nullable=True)
    op.alter_column("changes", "request_id", existing_type=sa.Text(), nullable=True)


def downgrade() -> None:
    op.execute("DELETE FROM changes WHERE actor_id IS NULL OR request_id IS NULL")
    op.alter_column("changes", "request_id", existing_type=sa.Text(), nullable=False)
    op.alter_column("changes", "actor_id", existing_type=sa.Uuid(), nullable=False)
