"""Indexes that a migration makes while others read and write."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from alembic import op

_IS_INVALID = sa.text(
    "SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(:name) AND NOT indisvalid"
)


@contextmanager
def concurrently() -> Iterator[None]:
    """Outside of a transaction, and without the limit on waiting for a lock.

    Such a statement waits for every older transaction, a backup's too, and meanwhile blocks nobody.
    """
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")
        try:
            yield
        finally:
            op.execute("RESET lock_timeout")


def create_index(name: str, table: str, keys: list[Any], **options: Any) -> None:
    """Make an index; one that an attempt before has made is kept, what it left half-made is not."""
    if op.get_bind().execute(_IS_INVALID, {"name": name}).first() is not None:
        drop_index(name, table)
    op.create_index(name, table, keys, postgresql_concurrently=True, if_not_exists=True, **options)


def drop_index(name: str, table: str) -> None:
    """Drop an index, if it is there."""
    op.drop_index(name, table_name=table, postgresql_concurrently=True, if_exists=True)
