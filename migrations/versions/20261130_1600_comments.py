"""Comments on todos.

Revises: c58e1b0f7a94
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "d16a00c0e4f1"
down_revision: str | None = "c58e1b0f7a94"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# By whatever way comments are erased, also with their todos by a version that knows none.
_ERASE = """
CREATE OR REPLACE FUNCTION erase_changes_of_comment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM changes WHERE resource_id = OLD.id AND resource_type = 'comment';
    RETURN NULL;
END $$
"""
_TRIGGER = """
CREATE OR REPLACE TRIGGER erase_changes_of_comment AFTER DELETE ON comments
FOR EACH ROW EXECUTE FUNCTION erase_changes_of_comment()
"""


def upgrade() -> None:
    op.create_table(
        "comments",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("todo_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comments")),
        # An older version purges todos without knowing of these.
        sa.ForeignKeyConstraint(
            ["todo_id"], ["todos.id"], name=op.f("fk_comments_todo_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name=op.f("fk_comments_author_id")),
        if_not_exists=True,
    )
    op.create_index("ix_comments_todo_id", "comments", ["todo_id"], if_not_exists=True)
    op.create_index(
        "ix_comments_created_at",
        "comments",
        ["todo_id", "created_at", "id"],
        postgresql_where=sa.text("deleted_at IS NULL"),
        if_not_exists=True,
    )
    op.execute(_ERASE)
    op.execute(_TRIGGER)


def downgrade() -> None:
    op.drop_table("comments")
    op.execute("DROP FUNCTION erase_changes_of_comment")
