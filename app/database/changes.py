"""The `changes` table: activity log, outbox and sync feed in one, written with each change.

Writers insert rows in the change's own transaction and leave `sequence` NULL, since neither xids
nor sequences are in the order of commits: a relay numbers the rows that it can see. See
`docs/decisions/changes-before-outbox.md`.
"""

from typing import Any

from sqlalchemy import (
    CTE,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    FromClause,
    Identity,
    Index,
    Select,
    String,
    Table,
    Text,
    Uuid,
    all_,
    bindparam,
    cast,
    extract,
    false,
    func,
    insert,
    literal,
    literal_column,
    null,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.sql import ColumnElement

from app.database.base import Base

changes = Table(
    "changes",
    Base.metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("sequence", BigInteger, nullable=True),
    Column("resource_type", String(32), nullable=False),
    Column("resource_id", Uuid, nullable=False),
    Column("project_id", Uuid, nullable=True),
    Column("actor_id", Uuid, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("event", String(64), nullable=False),
    Column("changed", JSONB, nullable=False),
    Column("row_after", JSONB, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # A new position that makes room for another row's move: told, and no activity.
    Column("incidental", Boolean, nullable=False, server_default=false()),
    Index("uq_changes_sequence", "sequence", unique=True),
    Index("ix_changes_unnumbered", "id", postgresql_where=text("sequence IS NULL")),
    # For activity, and for what erases a resource or a project.
    Index("ix_changes_resource_id_project_id", "resource_id", "project_id", "id"),
    Index("ix_changes_project_id", "project_id", "id"),
)

_now: ColumnElement[Any] = bindparam("now", type_=DateTime(timezone=True))
# Fields that change with every write.
_noise = literal_column("ARRAY['version', 'updated_at']", ARRAY(String))


def record(resource: str, rows: Select[tuple[object, ...]], name: str = "change") -> CTE:
    """A CTE that inserts a row into `changes` for each of `rows`.

    `rows` has the columns `id`, `project_id`, `event`, `before` and `after`: the last two are the
    representation as JSON, and `before` is NULL for a new row. They may say that they are
    `incidental`. The statement takes the parameters `actor_id`, `request_id` and `now`.
    """
    given = rows.subquery("changed_rows")
    # Once for each row, and not each time that one of its fields is looked at.
    parsed = select(
        given.c.id,
        given.c.project_id,
        given.c.event,
        cast(given.c.before, JSONB).label("before"),
        cast(given.c.after, JSONB).label("after"),
        given.c.get("incidental", false()).label("incidental"),
    )
    source = parsed.cte(f"{name}_parsed").prefix_with("MATERIALIZED").c
    before, after = source.before, source.after
    columns: dict[str, ColumnElement[Any]] = {
        "resource_type": literal(resource),
        "resource_id": source.id,
        "project_id": source.project_id,
        "actor_id": bindparam("actor_id", type_=Uuid),
        "request_id": bindparam("request_id", type_=Text),
        "event": source.event,
        "changed": _difference(before, after),
        "row_after": after,
        "created_at": _now,
        "incidental": source.incidental,
    }
    return insert(changes).from_select([*columns], select(*columns.values())).cte(name)


def event_id(change: FromClause) -> ColumnElement[Any]:
    """The id of a change as clients know it: a UUIDv7 of its instant and its number."""
    milliseconds = cast(extract("epoch", change.c.created_at) * 1000, BigInteger)
    instant = func.lpad(func.to_hex(milliseconds), 12, "0")
    number = func.lpad(func.to_hex(change.c.id), 18, "0")
    digits = (instant, "7", func.substr(number, 1, 3), "8", func.substr(number, 4))
    return cast(func.concat(*digits), Uuid)


def departures(rows: CTE) -> Select[tuple[object, ...]]:
    """Of rows that came from another project, what is recorded there: that they left it.

    Who sees only that one learns nothing of where they are and what they are by now.
    """
    before = func.jsonb_build_object("project_id", rows.c.project_before)
    after = func.jsonb_build_object(
        "id", rows.c.id, "version", rows.c.version, "project_id", null()
    )
    return select(
        rows.c.id,
        rows.c.project_before.label("project_id"),
        rows.c.change_event.label("event"),
        before.label("before"),
        after.label("after"),
        false().label("incidental"),
    ).where(rows.c.project_before != rows.c.project_id)


def bumped_timestamp(row: Any) -> ColumnElement[Any]:
    """The instant of a change to a locked row, never before its last one."""
    return func.greatest(_now, row.c.updated_at)


def _difference(before: ColumnElement[Any], after: ColumnElement[Any]) -> ColumnElement[Any]:
    """`{"title": {"from": …, "to": …}}`, and `{}` for a new row."""
    new = func.jsonb_each(after).table_valued("key", "value").alias("new_field")
    old_value = before.op("->", return_type=JSONB)(new.c.key)
    return func.coalesce(
        select(
            func.jsonb_object_agg(
                new.c.key, func.jsonb_build_object("from", old_value, "to", new.c.value)
            )
        )
        .where(new.c.value != old_value, new.c.key != all_(_noise))
        .scalar_subquery(),
        literal_column("'{}'::jsonb"),
    )
