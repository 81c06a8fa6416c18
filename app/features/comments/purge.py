"""Purges the comments on todos; a trigger purges what `changes` quotes of them.

They would go with their todos, which may have too many of them for one statement.
"""

from uuid import UUID

from sqlalchemy import Integer, Text, Uuid, any_, bindparam, cast, delete, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement

from app.database.statement import Statement
from app.database.unit_of_work import Database
from app.features.comments.statements import comments
from app.features.todos.sql.writes import todos

# Few enough for the statement timeout, however often each of them was changed.
_BATCH = 1_000


def _purge(of: ColumnElement[bool]) -> Statement:
    some = (
        select(comments.c.id)
        .join(todos, todos.c.id == comments.c.todo_id)
        .where(of)
        .limit(bindparam("batch", type_=Integer))
    )
    gone = delete(comments).where(comments.c.id == any_(func.array(some.scalar_subquery())))
    return Statement(gone.returning(cast(comments.c.id, Text)))


_PURGE = _purge(todos.c.project_id == bindparam("project_id", type_=Uuid))
# A batch of those on the todos `ids`.
PURGE_OF_TODOS = _purge(comments.c.todo_id == any_(bindparam("ids", type_=ARRAY(Uuid))))


async def purge_comments(database: Database, project_id: UUID, batch: int = _BATCH) -> int:
    """Purge a project's comments in batches; returns how many. Can be stopped and repeated."""
    count = 0
    while True:
        gone = await database.primary.fetch_all(_PURGE, project_id=project_id, batch=batch)
        if not gone:
            return count
        count += len(gone)
