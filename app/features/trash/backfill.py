"""Finds out with which deletion rows went that an older version deleted during an upgrade.

It marked all rows of a deletion with the same instant, and nothing else.
"""

from sqlalchemy import (
    Table,
    Text,
    and_,
    any_,
    case,
    cast,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.sql import ColumnElement

from app.database.statement import Statement
from app.database.unit_of_work import Database
from app.features.projects.statements import projects
from app.features.todos.sql.writes import todos

_BATCH: ColumnElement[int] = literal_column("1000")


def _backfill(table: Table) -> Statement:
    """Fill in a batch: what was deleted itself, or with what is filled in above it."""
    parent = table.alias("parent")
    went_along = and_(
        parent.c.id == table.c.parent_id,
        parent.c.deleted_at == table.c.deleted_at,
    )
    batch = (
        select(
            table.c.id,
            case((parent.c.id.is_(None), table.c.id), else_=parent.c.deletion_id).label(
                "deletion_id"
            ),
        )
        .outerjoin(parent, went_along)
        .where(
            table.c.deleted_at.is_not(None),
            table.c.deletion_id.is_(None),
            or_(parent.c.id.is_(None), parent.c.deletion_id.is_not(None)),
        )
        .limit(_BATCH)
        # One that is locked is filled in by the next run, if it is still there.
        .with_for_update(of=table, key_share=True, skip_locked=True)
        .cte("batch")
    )
    # An array is looked up in the index.
    ids = func.array(select(batch.c.id).scalar_subquery())
    return Statement(
        update(table)
        .where(table.c.id == any_(ids), table.c.id == batch.c.id)
        .values(deletion_id=batch.c.deletion_id)
        .returning(cast(table.c.id, Text))
    )


_BACKFILLS = (_backfill(todos), _backfill(projects))


async def backfill_deletions(database: Database) -> int:
    """Fill in what an older version left out; returns how many rows.

    Can be stopped and repeated.
    """
    count = 0
    for statement in _BACKFILLS:
        while gone := await database.primary.fetch_all(statement):
            count += len(gone)
    return count
