"""With which deletion each todo went, and the ids of what was purged.

Revises: d16b3f0c52e7
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.concurrent_indexes import concurrently, create_index

revision: str = "d14b7c20e9a5"
down_revision: str | None = "d16b3f0c52e7"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# After the row is there: a create that waits for a purge of the same id sees what that has left.
_REFUSE = """
CREATE OR REPLACE FUNCTION refuse_purged_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM purged_ids WHERE id = NEW.id) THEN
        RAISE unique_violation USING
            MESSAGE = 'this id was purged', CONSTRAINT = 'pk_' || TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE OR REPLACE TRIGGER refuse_purged_id AFTER INSERT ON {}
FOR EACH ROW EXECUTE FUNCTION refuse_purged_id()
"""
# A comment goes with its todo.
_REMEMBER = """
CREATE OR REPLACE FUNCTION remember_purged_id() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO purged_ids (id) VALUES (OLD.id) ON CONFLICT DO NOTHING;
    RETURN NULL;
END $$
"""
_REMEMBER_TRIGGER = """
CREATE OR REPLACE TRIGGER remember_purged_id AFTER DELETE ON comments
FOR EACH ROW EXECUTE FUNCTION remember_purged_id()
"""


def upgrade() -> None:
    op.create_table(
        "purged_ids",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_purged_ids")),
        if_not_exists=True,
    )
    op.execute(_REFUSE)
    # The version before leaves it null in what it deletes: `features/trash/backfill.py` sets it.
    op.add_column("todos", sa.Column("deletion_id", sa.Uuid(), nullable=True), if_not_exists=True)
    op.execute(_REMEMBER)
    op.execute(_REMEMBER_TRIGGER)
    for table in ("todos", "comments"):
        op.execute(_TRIGGER.format(table))
    is_itself = sa.text("deletion_id = id")
    with concurrently():
        create_index(
            "ix_todos_deletion_id",
            "todos",
            ["deletion_id"],
            postgresql_where=sa.text("deletion_id IS NOT NULL"),
        )
        create_index(
            "ix_todos_trash",
            "todos",
            ["project_id", "deleted_at", "id"],
            postgresql_where=is_itself,
        )
        create_index(
            "ix_todos_trashed_at", "todos", ["deleted_at", "id"], postgresql_where=is_itself
        )
        create_index(
            "ix_todos_without_deletion",
            "todos",
            ["id"],
            postgresql_where=sa.text("deleted_at IS NOT NULL AND deletion_id IS NULL"),
        )


def downgrade() -> None:
    for name in ("without_deletion", "trashed_at", "trash", "deletion_id"):
        op.drop_index(f"ix_todos_{name}", "todos")
    for table in ("todos", "comments"):
        op.execute(f"DROP TRIGGER refuse_purged_id ON {table}")
    op.execute("DROP TRIGGER remember_purged_id ON comments")
    op.execute("DROP FUNCTION remember_purged_id")
    op.drop_column("todos", "deletion_id")
    op.execute("DROP FUNCTION refuse_purged_id")
    op.drop_table("purged_ids")
