"""What the index of labelled todos has of a todo, and how it is asked; also for their own feature.

Each key stands behind the mark of its project, as words do in the index of words, so that the index
gives the todos of one project that have a label without reading those of others. A migration makes
the function: PostgreSQL has none of its own that an index may use.
"""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Text, func, literal_column
from sqlalchemy.dialects.postgresql import ARRAY

# As PostgreSQL prints it, or Alembic would report a difference. Those without labels are not in the
# index, and so cost nothing there.
IS_LABELLED = "(label_keys <> '{}'::text[])"


def label_terms(project_id: ColumnElement[Any], keys: ColumnElement[Any]) -> ColumnElement[Any]:
    """The keys behind the mark of a project."""
    return func.label_terms(project_id, keys, type_=ARRAY(Text))


def has_labels(
    todo: FromClause, project_id: ColumnElement[Any], keys: ColumnElement[Any], *, all_of: bool
) -> list[ColumnElement[bool]]:
    """The conditions that the index serves: a todo of a project has any, or all, of the keys.

    That of the project is hidden from all other indexes, which would be read as a whole.
    """
    terms, wanted = label_terms(todo.c.project_id, todo.c.label_keys), label_terms(project_id, keys)
    return [
        terms.bool_op("@>" if all_of else "&&")(wanted),
        todo.c.label_keys != literal_column("'{}'::text[]"),
        (todo.c.project_id == project_id).is_(True),
    ]
