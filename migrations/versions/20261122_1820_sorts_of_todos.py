"""An index for each sort of todos, and for the open ones of what is asked most.

Revises: 3f0c5a7be912
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.concurrent_indexes import concurrently, create_index, drop_index

revision: str = "4b0d6f2a9c17"
down_revision: str | None = "3f0c5a7be912"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_THERE = "deleted_at IS NULL"
_OPEN = "deleted_at IS NULL AND completed_at IS NULL"
_COMPLETED = "coalesce(completed_at, 'infinity'::timestamptz)"
_DUE = "coalesce(due_local, 'infinity'::timestamp)"
_DUE_DESCENDING = "coalesce(due_local, '-infinity'::timestamp)"

# Each index's key after the project, and its condition.
_INDEXES = {
    "ix_todos_updated_at": (["updated_at", "id"], _THERE),
    "ix_todos_completed_at": ([_COMPLETED, "id"], _THERE),
    "ix_todos_priority": (["priority", "id"], _THERE),
    "ix_todos_title": (["title_key", "id"], f"{_THERE} AND length(title_key) <= 600"),
    "ix_todos_title_long": ([], f"{_THERE} AND length(title_key) > 600"),
    "ix_todos_open_created_at": (["created_at", "id"], _OPEN),
    "ix_todos_open_due": ([_DUE, "id"], _OPEN),
    "ix_todos_open_priority": (["priority", "id"], _OPEN),
    "ix_todos_open_position": (["position", "id"], _OPEN),
}

_COLLATION = sa.text(
    """
    SELECT collname FROM pg_attribute JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE attrelid = 'todos'::regclass AND attname = 'title_key'
    """
)


def upgrade() -> None:
    # No index has the column yet: this changes the catalog only.
    _collate_title_key("C")
    with concurrently():
        for name, (keys, condition) in _INDEXES.items():
            _create_index(name, keys, condition)
        # `ix_todos_due` serves both directions; the code before this one can do without, slowly.
        drop_index("ix_todos_due_descending", "todos")


def downgrade() -> None:
    with concurrently():
        _create_index("ix_todos_due_descending", [_DUE_DESCENDING, "id"], _THERE)
        for name in _INDEXES:
            drop_index(name, "todos")
    _collate_title_key("default")


def _collate_title_key(collation: str) -> None:
    # Again it would make indexes anew, with nobody else at work.
    if op.get_bind().scalar(_COLLATION) != collation:
        op.execute(f'ALTER TABLE todos ALTER COLUMN title_key TYPE text COLLATE "{collation}"')


def _create_index(name: str, keys: list[str], condition: str) -> None:
    create_index(
        name,
        "todos",
        ["project_id", *(sa.text(key) for key in keys)],
        postgresql_where=sa.text(condition),
    )
