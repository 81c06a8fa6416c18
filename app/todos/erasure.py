"""Erasing a project's todos, deleted ones too, as if they had never been."""

from uuid import UUID

from sqlalchemy import Integer, Text, Uuid, bindparam, cast, delete, exists, literal, select

from app.core.changes import changes
from app.core.database import Database
from app.core.statement import Statement
from app.core.tables import table_of
from app.todos.models import Todo

# Few enough for one statement's time, however often each of them was changed.
_BATCH = 1_000

todos = table_of(Todo)


def _erase() -> Statement:
    """Delete some that have no subtask, with what was written down of each in this project."""
    below = todos.alias("below")
    is_parent = exists().where(
        below.c.project_id == todos.c.project_id, below.c.parent_id == todos.c.id
    )
    leaves = (
        select(todos.c.id)
        .where(todos.c.project_id == bindparam("project_id", type_=Uuid), ~is_parent)
        .limit(bindparam("batch", type_=Integer))
    )
    gone = (
        delete(todos).where(todos.c.id.in_(leaves)).returning(todos.c.id, todos.c.project_id)
    ).cte("gone")
    unsaid = delete(changes).where(
        changes.c.resource_type == literal("todo"),
        changes.c.resource_id == gone.c.id,
        changes.c.project_id == gone.c.project_id,
    )
    return Statement(
        select(cast(gone.c.id, Text)).add_cte(unsaid.returning(changes.c.id).cte("unsaid"))
    )


_ERASE = _erase()


async def erase_todos(database: Database, project_id: UUID, batch: int = _BATCH) -> int:
    """Erase them, some at a time, subtasks first; how many there were."""
    count = 0
    while True:
        gone = await database.primary.fetch_all(_ERASE, project_id=project_id, batch=batch)
        if not gone:
            return count
        count += len(gone)
