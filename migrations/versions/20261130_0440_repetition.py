"""How a todo repeats, and what of it was completed.

Revises: c95d1e7b4a86
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "c5d8e2a90b74"
down_revision: str | None = "c95d1e7b4a86"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# An older version leaves them null in what it creates, and as they are in what it changes.
_COLUMNS: tuple[tuple[str, sa.types.TypeEngine[Any]], ...] = (
    ("recurrence_rrule", sa.Text()),
    ("recurrence_from", sa.String(16)),
    ("series_start", sa.DateTime()),
    ("series_number", sa.Integer()),
)


def upgrade() -> None:
    for name, kind in _COLUMNS:
        op.add_column("todos", sa.Column(name, kind, nullable=True), if_not_exists=True)
    op.create_table(
        "completions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("todo_id", sa.Uuid(), nullable=False),
        sa.Column("todo_version", sa.Integer(), nullable=False),
        sa.Column("completed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("completed_by", sa.Uuid(), nullable=False),
        sa.Column("is_last", sa.Boolean(), nullable=False),
        sa.Column("due_local", sa.DateTime(), nullable=False),
        sa.Column("due_timezone", sa.String(64), nullable=True),
        sa.Column("due_all_day", sa.Boolean(), nullable=False),
        sa.Column("recurrence_rrule", sa.Text(), nullable=False),
        sa.Column("series_start", sa.DateTime(), nullable=False),
        sa.Column("series_number", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_completions")),
        # An older version purges todos without knowing of these.
        sa.ForeignKeyConstraint(
            ["todo_id"], ["todos.id"], name=op.f("fk_completions_todo_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["completed_by"], ["users.id"], name=op.f("fk_completions_completed_by")
        ),
        sa.UniqueConstraint(
            "todo_id", "todo_version", name=op.f("uq_completions_todo_id_todo_version")
        ),
        if_not_exists=True,
    )


def downgrade() -> None:
    op.drop_table("completions")
    for name, _ in reversed(_COLUMNS):
        op.drop_column("todos", name)
