"""By which rules of its zone a due's instant is.

`app.features.todos.due_rules` computes those anew that are by others, as often as there are any.

Revises: d27a90c5e6f3
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.concurrent_indexes import concurrently, create_index

revision: str = "a41f7c93d5e8"
down_revision: str | None = "d27a90c5e6f3"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    # It is kept although what follows may fail, and be tried again.
    column = sa.Column("due_rules", sa.BigInteger(), server_default="0", nullable=False)
    op.add_column("todos", column, if_not_exists=True)
    with concurrently():
        create_index(
            "ix_todos_due_rules",
            "todos",
            ["due_timezone", "due_rules", "id"],
            postgresql_where=sa.text("due_timezone IS NOT NULL"),
        )


def downgrade() -> None:
    op.drop_index("ix_todos_due_rules", "todos")
    op.drop_column("todos", "due_rules")
