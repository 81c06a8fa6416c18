"""The table of idempotency keys, its statements, and the sweep of those past their retention."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    bindparam,
    cast,
    delete,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.sql import ColumnElement

from app.core.clock import Now
from app.database.base import Base
from app.database.statement import AFFECTED_USERS, Statement
from app.database.unit_of_work import Database

RETENTION = timedelta(hours=24)

keys = Table(
    "idempotency_keys",
    Base.metadata,
    Column("user_id", Uuid, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("fingerprint", LargeBinary, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # The answer; NULL while the transaction runs.
    Column("status", SmallInteger, nullable=True),
    Column("headers", ARRAY(Text), nullable=True),
    Column("body", LargeBinary, nullable=True),
    Column("project_ids", ARRAY(Uuid), nullable=True),
    Index("ix_idempotency_keys_created_at", "created_at"),
)


def _given(*names: str) -> dict[str, ColumnElement[Any]]:
    return {name: bindparam(name, type_=keys.c[name].type) for name in names}


_mine = _given("user_id", "key")
_is_mine = [keys.c[name] == value for name, value in _mine.items()]
_expired_at: ColumnElement[Any] = bindparam("expired_at", type_=DateTime(timezone=True))
_lock = func.pg_try_advisory_xact_lock(
    func.hashtextextended(func.concat(*_mine.values()), literal_column("1"))
)
_new = _mine | _given("fingerprint", "created_at")
_claimed = insert(keys).from_select(
    [*_new], select(*_new.values()).where(_lock), include_defaults=False
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
        where=or_(keys.c.created_at < _expired_at, keys.c.status.is_(None)),
    ).returning(keys.c.user_id)
)
KEEP = Statement(
    update(keys)
    .where(*_is_mine)
    .values(**_given("status", "headers", "body", "project_ids"))
    .returning(keys.c.user_id)
)


def look(
    may_edit: Callable[[ColumnElement[Any]], ColumnElement[bool]],
    affected_users: Callable[[ColumnElement[Any]], ColumnElement[Any]],
) -> Statement:
    """What is kept under a key.

    `may_edit` and `affected_users` turn an array of project ids into the condition that the caller
    may change what is in all of them, and into the users who see any.
    """
    kept = keys.c
    return Statement(
        select(
            *(kept.fingerprint, kept.status, kept.headers, kept.body),
            may_edit(kept.project_ids).label("may_edit"),
            # The unit of work invalidates these users' cached pages, as the first request did.
            cast(null(), Uuid).label("project_id"),
            affected_users(kept.project_ids).label(AFFECTED_USERS),
        ).where(*_is_mine)
    )


# Deletes the key of the current request too, whose answer is then not kept.
FORGET = Statement(
    delete(keys).where(keys.c.user_id == _mine["user_id"]).returning(cast(keys.c.user_id, Text))
)
_oldest = select(keys.c.user_id, keys.c.key).where(keys.c.created_at < _expired_at)
_SWEEP = Statement(
    delete(keys)
    .where(
        func.row(keys.c.user_id, keys.c.key).in_(_oldest.limit(bindparam("batch", type_=Integer)))
    )
    .returning(cast(keys.c.user_id, Text))
)


async def sweep(database: Database, now: Now, batch: int = 10_000) -> int:
    """Delete keys that are older than the retention, a batch at a time; gives their number."""
    swept = 0
    while True:
        gone = await database.primary.fetch_all(_SWEEP, expired_at=now() - RETENTION, batch=batch)
        swept += len(gone)
        if len(gone) < batch:
            return swept
