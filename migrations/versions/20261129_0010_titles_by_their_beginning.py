"""Titles are sorted by their first 200 folded characters, so that each fits into a cursor.

Revises: 7e3a58d1f042
"""

from collections.abc import Sequence

import sqlalchemy as sa

from migrations.concurrent_indexes import concurrently, create_index, drop_index

revision: str = "d27a90c5e6f3"
down_revision: str | None = "7e3a58d1f042"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_THERE = "deleted_at IS NULL"


def upgrade() -> None:
    with concurrently():
        _create_index("ix_todos_title_key", ['"left"(title_key, 200)', "id"], _THERE)
        # The code before this one can do without, slowly.
        drop_index("ix_todos_title_long", "todos")
        drop_index("ix_todos_title", "todos")


def downgrade() -> None:
    with concurrently():
        short = f"{_THERE} AND length(title_key) <= 600"
        _create_index("ix_todos_title", ["title_key", "id"], short)
        _create_index("ix_todos_title_long", [], f"{_THERE} AND length(title_key) > 600")
        drop_index("ix_todos_title_key", "todos")


def _create_index(name: str, keys: list[str], condition: str) -> None:
    create_index(
        name,
        "todos",
        ["project_id", *(sa.text(key) for key in keys)],
        postgresql_where=sa.text(condition),
    )
