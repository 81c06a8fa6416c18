"""The `changes` table: activity log, outbox and sync feed in one, written with each change.

Writers insert rows in the change's own transaction and leave `sequence` NULL, since neither xids
nor sequences are in the order of commits: a relay numbers the rows that it can see. See
`docs/decisions/changes-before-outbox.md`.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.database.base import Base

changes = sa.Table(
    "changes",
    Base.metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=True),
    sa.Column("resource_type", sa.String(32), nullable=False),
    sa.Column("resource_id", sa.Uuid, nullable=False),
    sa.Column("project_id", sa.Uuid, nullable=True),
    # Null: nobody asked for it, such as what retention purges.
    sa.Column("actor_id", sa.Uuid, nullable=True),
    sa.Column("request_id", sa.Text, nullable=True),
    sa.Column("event", sa.String(64), nullable=False),
    sa.Column("changed", JSONB, nullable=False),
    sa.Column("row_after", JSONB, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    # A new position that makes room for another row's move: told, and no activity.
    sa.Column("incidental", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("uq_changes_sequence", "sequence", unique=True),
    sa.Index("ix_changes_unnumbered", "id", postgresql_where=sa.text("sequence IS NULL")),
    # For activity, and for what erases a resource or a project.
    sa.Index("ix_changes_resource_id_project_id", "resource_id", "project_id", "id"),
    sa.Index("ix_changes_project_id", "project_id", "id"),
)

_now: sa.ColumnElement[Any] = sa.bindparam("now", type_=sa.DateTime(timezone=True))
# Fields that change with every write.
_noise = sa.literal_column("ARRAY['version', 'updated_at']", ARRAY(sa.String))


def record(resource: str, rows: sa.Select[tuple[object, ...]], name: str = "change") -> sa.CTE:
    """A CTE that inserts a row into `changes` for each of `rows`.

    `rows` has the columns `id`, `project_id`, `event`, `before` and `after`: the last two are the
    representation as JSON, and `before` is NULL for a new row. They may say that they are
    `incidental`. The statement takes the parameters `actor_id`, `request_id` and `now`.
    """
    given = rows.subquery("changed_rows")
    # Once for each row, and not each time that one of its fields is looked at.
    parsed = sa.select(
        given.c.id,
        given.c.project_id,
        given.c.event,
        sa.cast(given.c.before, JSONB).label("before"),
        sa.cast(given.c.after, JSONB).label("after"),
        given.c.get("incidental", sa.false()).label("incidental"),
    )
    source = parsed.cte(f"{name}_parsed").prefix_with("MATERIALIZED").c
    before, after = source.before, source.after
    columns: dict[str, sa.ColumnElement[Any]] = {
        "resource_type": sa.literal(resource),
        "resource_id": source.id,
        "project_id": source.project_id,
        "actor_id": sa.bindparam("actor_id", type_=sa.Uuid),
        "request_id": sa.bindparam("request_id", type_=sa.Text),
        "event": source.event,
        "changed": _difference(before, after),
        "row_after": after,
        "created_at": _now,
        "incidental": source.incidental,
    }
    return sa.insert(changes).from_select([*columns], sa.select(*columns.values())).cte(name)


def event_id(change: sa.FromClause) -> sa.ColumnElement[Any]:
    """The id of a change as clients know it: a UUIDv7 of its instant and its number."""
    milliseconds = sa.cast(sa.extract("epoch", change.c.created_at) * 1000, sa.BigInteger)
    instant = sa.func.lpad(sa.func.to_hex(milliseconds), 12, "0")
    number = sa.func.lpad(sa.func.to_hex(change.c.id), 18, "0")
    digits = (instant, "7", sa.func.substr(number, 1, 3), "8", sa.func.substr(number, 4))
    return sa.cast(sa.func.concat(*digits), sa.Uuid)


def departures(rows: sa.CTE) -> sa.Select[tuple[object, ...]]:
    """Of rows that came from another project, what is recorded there: that they left it.

    Who sees only that one learns nothing of where they are and what they are by now.
    """
    before = sa.func.jsonb_build_object("project_id", rows.c.project_before)
    after = sa.func.jsonb_build_object(
        "id", rows.c.id, "version", rows.c.version, "project_id", sa.null()
    )
    return sa.select(
        rows.c.id,
        rows.c.project_before.label("project_id"),
        rows.c.change_event.label("event"),
        before.label("before"),
        after.label("after"),
        sa.false().label("incidental"),
    ).where(rows.c.project_before != rows.c.project_id)


def is_departure() -> sa.ColumnElement[bool]:
    """Whether a change says no more than that a row left the project, as `departures` writes it."""
    left = sa.literal_column("row_after -> 'project_id' = 'null'", sa.Boolean)
    return left.is_(sa.true())


def bumped_timestamp(row: Any) -> sa.ColumnElement[Any]:
    """The instant of a change to a locked row, never before its last one."""
    return sa.func.greatest(_now, row.c.updated_at)


def _difference(
    before: sa.ColumnElement[Any], after: sa.ColumnElement[Any]
) -> sa.ColumnElement[Any]:
    """`{"title": {"from": …, "to": …}}`, and `{}` for a new row."""
    new = sa.func.jsonb_each(after).table_valued("key", "value").alias("new_field")
    old_value = before.op("->", return_type=JSONB)(new.c.key)
    return sa.func.coalesce(
        sa.select(
            sa.func.jsonb_object_agg(
                new.c.key, sa.func.jsonb_build_object("from", old_value, "to", new.c.value)
            )
        )
        .where(new.c.value != old_value, new.c.key != sa.all_(_noise))
        .scalar_subquery(),
        sa.literal_column("'{}'::jsonb"),
    )
