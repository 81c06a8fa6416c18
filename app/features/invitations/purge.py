"""Deletes invitations whose time is long over, with the addresses in them."""

from datetime import timedelta

from sqlalchemy import DateTime, Integer, Text, bindparam, cast, delete, select

from app.core.clock import Now
from app.database.base import table_of
from app.database.statement import Statement
from app.database.unit_of_work import Database
from app.features.invitations.models import Invitation

# For so long who comes too late is told that.
_KEPT = timedelta(days=30)
_BATCH = 1_000

invitations = table_of(Invitation)
_old = (
    select(invitations.c.id)
    .where(invitations.c.expires_at < bindparam("before", type_=DateTime(timezone=True)))
    .limit(bindparam("batch", type_=Integer))
    .with_for_update(skip_locked=True)
)
_PURGE = Statement(
    delete(invitations).where(invitations.c.id.in_(_old)).returning(cast(invitations.c.id, Text))
)


async def purge_invitations(database: Database, now: Now, batch: int = _BATCH) -> int:
    """Delete them in batches, whatever became of them; returns how many."""
    count = 0
    while True:
        before = now() - _KEPT
        gone = await database.primary.fetch_all(_PURGE, before=before, batch=batch)
        count += len(gone)
        if len(gone) < batch:
            return count
