"""The words of todos, by which they are searched.

Revises: 4b0d6f2a9c17
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from app.todos.words import as_column

revision: str = "5b0f3d6c8e21"
down_revision: str | None = "4b0d6f2a9c17"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_BATCH = 500

_READ = sa.text(
    """
    SELECT id, title, description FROM todos
    WHERE CAST(:last AS uuid) IS NULL OR id > CAST(:last AS uuid) ORDER BY id LIMIT :batch
    """
)
# Not where somebody has changed the texts in between: that one has left the words, or is of the
# version before, as whoever writes while this runs.
_FILL = sa.text(
    """
    UPDATE todos SET title_words = row.title_words, description_words = row.description_words
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:titles AS text[]), CAST(:descriptions AS text[]),
        CAST(:title_words AS text[]), CAST(:description_words AS text[])
    ) AS row (id, title, description, title_words, description_words)
    WHERE todos.id = row.id AND todos.title = row.title
    AND todos.description IS NOT DISTINCT FROM row.description
    """
)


def upgrade() -> None:
    # They are kept although what follows may fail, and be tried again.
    for column in (
        sa.Column("title_words", sa.Text(), server_default="", nullable=False),
        sa.Column("description_words", sa.Text(), nullable=True),
    ):
        op.add_column("todos", column, if_not_exists=True)
    # Each batch is a transaction of its own, and the index, which is made last, stops nobody.
    with op.get_context().autocommit_block():
        _fill(op.get_bind())
        # What an attempt that failed has left.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_todos_words")
        op.create_index(
            "ix_todos_words",
            "todos",
            [
                sa.literal_column(
                    "((replace(repeat((' ' || title_words) || COALESCE(' ' || description_words, ''), "
                    "num_nulls(deleted_at)), ' ', "
                    "' ' || \"right\"(project_id::text, 8)))::tsvector)"
                )
            ],
            unique=False,
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    op.drop_index(
        "ix_todos_words",
        table_name="todos",
        postgresql_using="gin",
        postgresql_with={"fastupdate": "off"},
    )
    op.drop_column("todos", "description_words")
    op.drop_column("todos", "title_words")


def _fill(connection: sa.Connection) -> None:
    """Split the texts of all todos, by the same code that does it from now on."""
    last = None
    while rows := connection.execute(_READ, {"last": last, "batch": _BATCH}).all():
        ids, titles, descriptions = zip(*rows, strict=True)
        connection.execute(
            _FILL,
            {
                "ids": list(ids),
                "titles": list(titles),
                "descriptions": list(descriptions),
                "title_words": [as_column(title) for title in titles],
                "description_words": [as_column(text or "") or None for text in descriptions],
            },
        )
        last = ids[-1]
