"""The words of todos, by which they are searched.

`app.features.todos.search_backfill` fills them afterwards, as often as the version before leaves some to do.

Revises: 4b0d6f2a9c17
"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

from migrations.concurrent_indexes import concurrently, create_index

revision: str = "5b0f3d6c8e21"
down_revision: str | None = "4b0d6f2a9c17"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

_WORDS = (
    "((replace(repeat((' ' || title_words) || COALESCE(' ' || description_words, ''), "
    "num_nulls(deleted_at)), ' ', "
    "' ' || \"right\"(project_id::text, 8)))::tsvector)"
)
# The version before knows no words: what it changes is to be split again. Who knows them changes
# them with each change of a text.
_FUNCTION = """
CREATE OR REPLACE FUNCTION forget_words_of_todo() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.title_words := NULL;
    NEW.description_words := NULL;
    RETURN NEW;
END $$
"""
_TRIGGER = """
CREATE OR REPLACE TRIGGER forget_words_of_todo BEFORE UPDATE OF title, description ON todos
FOR EACH ROW WHEN (
    OLD.title IS DISTINCT FROM NEW.title
    AND OLD.title_words IS NOT DISTINCT FROM NEW.title_words
    OR OLD.description IS DISTINCT FROM NEW.description
    AND OLD.description_words IS NOT DISTINCT FROM NEW.description_words
) EXECUTE FUNCTION forget_words_of_todo()
"""


def upgrade() -> None:
    # They are kept although what follows may fail, and be tried again.
    for name in ("title_words", "description_words"):
        op.add_column("todos", sa.Column(name, sa.Text(), nullable=True), if_not_exists=True)
    op.execute(_FUNCTION)
    op.execute(_TRIGGER)
    with concurrently():
        create_index(
            "ix_todos_words",
            "todos",
            [sa.literal_column(_WORDS)],
            postgresql_using="gin",
            postgresql_with={"fastupdate": "off"},
        )
        create_index(
            "ix_todos_unsplit",
            "todos",
            ["id"],
            postgresql_where=sa.text("title_words IS NULL"),
        )


def downgrade() -> None:
    op.drop_index("ix_todos_unsplit", "todos")
    op.drop_index("ix_todos_words", "todos")
    op.execute("DROP TRIGGER forget_words_of_todo ON todos")
    op.execute("DROP FUNCTION forget_words_of_todo")
    op.drop_column("todos", "description_words")
    op.drop_column("todos", "title_words")
