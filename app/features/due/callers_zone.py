"""The time zone of an account, for statements of any feature above."""

from typing import Any

from sqlalchemy import Text, Uuid, bindparam, column, select, table
from sqlalchemy.sql import ColumnElement

# Accounts belong to another feature, so their table is used by name, as in a foreign key.
_users = table("users", column("id", Uuid), column("timezone", Text))
callers_zone: ColumnElement[Any] = (
    select(_users.c.timezone)
    .where(_users.c.id == bindparam("principal_id", type_=Uuid))
    .scalar_subquery()
)
