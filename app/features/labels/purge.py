"""Purges the labels of deleted accounts, deleted ones too, and their changes."""

from datetime import timedelta

from sqlalchemy import (
    DateTime,
    Integer,
    Text,
    Uuid,
    any_,
    bindparam,
    cast,
    column,
    delete,
    func,
    literal,
    select,
    table,
)

from app.core.clock import Now
from app.database.base import table_of
from app.database.changes import changes
from app.database.statement import Statement
from app.database.unit_of_work import Database
from app.features.labels.models import Label

# How long ago an account must have ended: longer than any request that was running then, so that
# nobody puts a new label on a todo of its projects any more.
_SETTLED = timedelta(minutes=1)
_BATCH = 1_000

labels = table_of(Label)
# Accounts belong to another feature, so their table is used by name, as in a foreign key.
_users = table("users", column("id", Uuid), column("deleted_at", DateTime(timezone=True)))


def _purge() -> Statement:
    """Delete a batch of labels with their changes."""
    some = (
        select(labels.c.id)
        .join(_users, _users.c.id == labels.c.owner_id)
        .where(_users.c.deleted_at < bindparam("before", type_=DateTime(timezone=True)))
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


async def purge_labels(database: Database, now: Now, batch: int = _BATCH) -> int:
    """Purge them in batches; returns how many. Can be stopped and repeated."""
    count = 0
    while True:
        before = now() - _SETTLED
        gone = await database.primary.fetch_all(_PURGE, before=before, batch=batch)
        if not gone:
            return count
        count += len(gone)
