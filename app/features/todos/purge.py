"""Purges all todos of a project, deleted or not, and what `changes` says of them.

Of a todo that is purged, nothing is left of what was said in other projects either: only that it
left those, which whoever synchronises them may not have heard yet.
"""

from uuid import UUID

from sqlalchemy import (
    Integer,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    delete,
    exists,
    func,
    literal,
    select,
)

from app.database.base import table_of
from app.database.changes import changes, is_departure
from app.database.statement import Statement
from app.database.unit_of_work import Database
from app.features.todos.models import Todo

# Few enough for the statement timeout, however many changes each of them has.
_BATCH = 1_000

todos = table_of(Todo)

_project_id = bindparam("project_id", type_=Uuid)


def _purge() -> Statement:
    """Delete a batch of todos without subtasks, with their changes."""
    below = todos.alias("below")
    is_parent = exists().where(
        below.c.project_id == todos.c.project_id, below.c.parent_id == todos.c.id
    )
    leaves = (
        select(todos.c.id)
        .where(todos.c.project_id == _project_id, ~is_parent)
        .limit(bindparam("batch", type_=Integer))
    )
    # Arrays are looked up in the index; a join would read all of `changes`.
    gone = (
        delete(todos)
        .where(todos.c.id == any_(func.array(leaves.scalar_subquery())))
        .returning(todos.c.id)
        .cte("gone")
    )
    said = delete(changes).where(
        changes.c.resource_type == literal("todo"),
        changes.c.resource_id == any_(func.array(select(gone.c.id).scalar_subquery())),
        (changes.c.project_id == _project_id) | ~is_departure(),
    )
    return Statement(
        select(cast(gone.c.id, Text)).add_cte(said.returning(changes.c.id).cte("unsaid"))
    )


_PURGE = _purge()


async def purge_todos(database: Database, project_id: UUID, batch: int = _BATCH) -> int:
    """Purge a project's todos in batches, subtasks first; returns how many."""
    count = 0
    given = {"project_id": project_id, "batch": batch}
    while gone := await database.primary.fetch_all(_PURGE, **given):
        count += len(gone)
    return count
