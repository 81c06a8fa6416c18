"""Purges all labels of an account, and their changes."""

from uuid import UUID

from sqlalchemy import Integer, Text, Uuid, any_, bindparam, cast, delete, func, literal, select

from app.database.base import table_of
from app.database.changes import changes
from app.database.statement import Statement
from app.database.unit_of_work import Database
from app.features.labels.models import Label

_BATCH = 1_000

labels = table_of(Label)


def _purge() -> Statement:
    """Delete a batch of an account's labels, deleted ones too, with their changes."""
    some = (
        select(labels.c.id)
        .where(labels.c.owner_id == bindparam("owner_id", type_=Uuid))
        .limit(bindparam("batch", type_=Integer))
    )
    gone = (
        delete(labels)
        .where(labels.c.id == any_(func.array(some.scalar_subquery())))
        .returning(labels.c.id)
        .cte("gone")
    )
    unsaid = delete(changes).where(
        changes.c.resource_type == literal("label"),
        changes.c.resource_id == any_(func.array(select(gone.c.id).scalar_subquery())),
    )
    return Statement(
        select(cast(gone.c.id, Text)).add_cte(unsaid.returning(changes.c.id).cte("unsaid"))
    )


_PURGE = _purge()


async def purge_labels(database: Database, owner_id: UUID, batch: int = _BATCH) -> int:
    """Purge an account's labels in batches; returns how many."""
    count = 0
    while True:
        gone = await database.primary.fetch_all(_PURGE, owner_id=owner_id, batch=batch)
        if not gone:
            return count
        count += len(gone)
