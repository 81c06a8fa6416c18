"""The table of idempotency keys, its statements, and the sweep of those past their retention."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert

from app.core.clock import Now
from app.database.base import Base
from app.database.statement import AFFECTED_USERS, Statement
from app.database.unit_of_work import Database

RETENTION = timedelta(hours=24)

keys = sa.Table(
    "idempotency_keys",
    Base.metadata,
    sa.Column("user_id", sa.Uuid, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.LargeBinary, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    # The answer; NULL while the transaction runs.
    sa.Column("status", sa.SmallInteger, nullable=True),
    sa.Column("headers", ARRAY(sa.Text), nullable=True),
    sa.Column("body", sa.LargeBinary, nullable=True),
    # Where it wrote: the answer is for who may edit in all of these, and sees all of the others.
    sa.Column("project_ids", ARRAY(sa.Uuid), nullable=True),
    sa.Column("seen_project_ids", ARRAY(sa.Uuid), nullable=True),
    sa.Index("ix_idempotency_keys_created_at", "created_at"),
)


def _given(*names: str) -> dict[str, sa.ColumnElement[Any]]:
    return {name: sa.bindparam(name, type_=keys.c[name].type) for name in names}


_mine = _given("user_id", "key")
_is_mine = [keys.c[name] == value for name, value in _mine.items()]
_expired_at: sa.ColumnElement[Any] = sa.bindparam("expired_at", type_=sa.DateTime(timezone=True))
_lock = sa.func.pg_try_advisory_xact_lock(
    sa.func.hashtextextended(sa.func.concat(*_mine.values()), sa.literal_column("1"))
)
_new = _mine | _given("fingerprint", "created_at")
_claimed = insert(keys).from_select(
    [*_new], sa.select(*_new.values()).where(_lock), include_defaults=False
)
CLAIM = Statement(
    _claimed.on_conflict_do_update(
        index_elements=[*_mine],
        # What is not claimed is the answer, which becomes NULL.
        set_={
            column.name: _claimed.excluded[column.name]
            for column in keys.c
            if not column.primary_key
        },
        where=sa.or_(keys.c.created_at < _expired_at, keys.c.status.is_(None)),
    ).returning(keys.c.user_id)
)
KEEP = Statement(
    sa.update(keys)
    .where(*_is_mine)
    .values(**_given("status", "headers", "body", "project_ids", "seen_project_ids"))
    .returning(keys.c.user_id)
)


def look(
    may_edit: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]],
    sees: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]],
    affected_users: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[Any]],
) -> Statement:
    """What is kept under a key.

    `may_edit`, `sees` and `affected_users` turn an array of project ids into the condition that the
    caller may change what is in all of them, or sees them all, and into the users who see any.
    """
    kept = keys.c
    told = sa.func.array_cat(kept.project_ids, kept.seen_project_ids, type_=ARRAY(sa.Uuid))
    return Statement(
        sa.select(
            *(kept.fingerprint, kept.status, kept.headers, kept.body),
            sa.and_(
                may_edit(kept.project_ids),
                # The version before keeps none.
                sa.func.coalesce(sees(kept.seen_project_ids), sa.true()),
            ).label("is_permitted"),
            # The unit of work invalidates these users' cached pages, as the first request did. The
            # caller may have come into a project by it, or have left one.
            sa.cast(sa.null(), sa.Uuid).label("project_id"),
            sa.func.array_append(affected_users(told), kept.user_id).label(AFFECTED_USERS),
        ).where(*_is_mine)
    )


# Deletes the key of the current request too, whose answer is then not kept.
FORGET = Statement(
    sa.delete(keys)
    .where(keys.c.user_id == _mine["user_id"])
    .returning(sa.cast(keys.c.user_id, sa.Text))
)
_oldest = sa.select(keys.c.user_id, keys.c.key).where(keys.c.created_at < _expired_at)
_SWEEP = Statement(
    sa.delete(keys)
    .where(
        sa.func.row(keys.c.user_id, keys.c.key).in_(
            _oldest.limit(sa.bindparam("batch", type_=sa.Integer))
        )
    )
    .returning(sa.cast(keys.c.user_id, sa.Text))
)


async def sweep(database: Database, now: Now, batch: int = 10_000) -> int:
    """Delete keys that are older than the retention, a batch at a time; gives their number."""
    swept = 0
    while True:
        gone = await database.primary.fetch_all(_SWEEP, expired_at=now() - RETENTION, batch=batch)
        swept += len(gone)
        if len(gone) < batch:
            return swept
