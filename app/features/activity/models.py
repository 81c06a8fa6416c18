"""The index by which a todo's activity finds the comments on it."""

from sqlalchemy import ColumnElement, Index, Text, literal_column, text

from app.database.changes import changes

# As PostgreSQL prints it, or Alembic would report a difference.
TODO_OF_COMMENT: ColumnElement[str] = literal_column("(row_after ->> 'todo_id')", Text)
IS_COMMENT = "resource_type = 'comment'"

Index(
    "ix_changes_comments",
    TODO_OF_COMMENT,
    changes.c.project_id,
    changes.c.id,
    postgresql_where=text(IS_COMMENT),
)
