"""The statements of a write: lock and read rows, insert one, update or move some.

A write locks and reads, decides in Python, and then inserts or updates by one statement, which also
records the changes and returns the rows' JSON and the users who see them. What to write is one JSON
parameter, so that a resource has one statement whatever changes, in one row or in many. See
`docs/decisions/writes.md`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, array

from app.database.base import key_columns
from app.database.changes import bumped_timestamp, departures, record
from app.database.json_rows import as_object, encode, written
from app.database.statement import Statement

_given: sa.ColumnElement[Any] = sa.bindparam("given", type_=JSONB)
# For a read under a lock: it may be newer than what the caller has read before.
only_principal: sa.ColumnElement[Any] = array([sa.bindparam("principal_id", type_=sa.Uuid)])

# Among a row's values in `given`; no table has a column of this name.
_INCIDENTAL = "incidental"

Columns = dict[str, sa.ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class RowChange:
    """The change of one row: the columns to set, and the event to record.

    Without an event the version stays. `incidental`: it makes room for another row that moves.
    """

    id: UUID
    event: str | None
    values: Mapping[str, Any]
    incidental: bool = False

    def given(self, resource: str) -> dict[str, Any]:
        """The row of the parameter `given`."""
        values = {**self.values, _INCIDENTAL: True} if self.incidental else self.values
        return {"id": self.id, "event": self.event or resource, "values": values}


@dataclass(frozen=True)
class Resource:
    """A table whose rows clients see, and the statements that write to it.

    `name` is its `resource_type` in `changes`, and the beginning of its events.
    `representation(row)` gives the fields of its JSON, `project_id(row)` the project of a row, and
    `affected_users(document)` the users who see a row.
    """

    name: str
    table: sa.Table
    representation: Callable[[sa.FromClause], list[sa.ColumnElement[Any]]]
    project_id: Callable[[sa.FromClause], sa.ColumnElement[Any]]
    affected_users: Callable[[sa.CTE], sa.ColumnElement[Any]]
    # Fields of the JSON that differ by viewer, each with its parameter: changes leave them out.
    personal: Mapping[str, sa.ColumnElement[Any]] = field(default_factory=dict)
    # Columns that no update may set.
    fixed: frozenset[str] = frozenset()
    has_changes: bool = True

    def document(self, row: sa.FromClause, name: str, *carried: str) -> sa.CTE:
        """Rows' `id`, `version` and `project_id`, their JSON as `body`, and the columns carried."""
        fields = sa.select(*self.representation(row)).correlate(row).lateral("fields")
        return (
            sa.select(
                fields.c.id,
                fields.c.version,
                self.project_id(row).label("project_id"),
                as_object(fields).label("body"),
                *(row.c[column] for column in carried),
            )
            .select_from(row.join(fields, sa.true()))
            .cte(name)
        )

    def read(self, rows: sa.Select[Any]) -> Statement:
        """Read rows, selected with all of the table's columns, as `JsonRow`s."""
        read = self.document(rows.cte("seen"), "read").c
        body = sa.cast(read.body, sa.Text).label("body")
        return Statement(sa.select(read.id, read.version, body))

    def lock(
        self, rows: sa.Select[Any], *carried: str, described: sa.ColumnElement[Any] | None = None
    ) -> Statement:
        """Lock rows, selected with all of the table's columns, and read their JSON and `carried`.

        Where many are locked, JSON may be made of the row with the id `described` alone. Foreign
        keys may still refer to them, as a new subtask does to its parent.
        """
        locked = rows.with_for_update(of=self.table, key_share=True).cte("locked")
        read = self.document(locked, "read", *carried)
        answer = written(read, only_principal, described)
        return Statement(answer.add_columns(*(read.c[name] for name in carried)))

    def insert(
        self,
        place: sa.FromClause | None = None,
        allowed: sa.ColumnElement[bool] | None = None,
        *told: str,
        also: Callable[[sa.CTE], sa.CTE] | None = None,
        affected_users: sa.ColumnElement[Any] | None = None,
        **from_place: sa.ColumnElement[Any],
    ) -> Statement:
        """Insert the row of the parameter `given`, if it is `allowed` in its `place`.

        A place is one row or none. If there is one, the answer has its columns `told`, even where
        nothing is inserted. Some columns are taken `from_place`; `also` writes something else.
        """
        row = self._given_row(_given, self._columns)
        columns = {name: row.c[name] for name in self._columns} | from_place
        source = row if place is None else place.join(row, sa.true())
        values = sa.select(*columns.values()).select_from(source)
        if allowed is not None:
            values = values.where(allowed)
        new = (
            sa.insert(self.table)
            .from_select([*columns], values, include_defaults=False)
            .returning(*self.table.c)
            .cte("new")
        )
        after = self.document(self._as_seen(new), "after")
        seen_by = self.affected_users(after) if affected_users is None else affected_users
        answer = written(after, seen_by)
        if place is not None:
            answer = answer.add_columns(*(place.c[name] for name in told)).select_from(
                place.outerjoin(after, sa.true())
            )
        if also is not None:
            answer = answer.add_cte(also(new))
        event = sa.literal(f"{self.name}.created")
        if self.has_changes:
            answer = answer.add_cte(record(self.name, self._change(after, event, sa.null())))
        return Statement(answer)

    def update(
        self,
        adjust: Callable[[Columns], Columns] | None = None,
        *,
        answered: sa.ColumnElement[Any] | None = None,
        moves: bool = False,
        is_for_all: sa.ColumnElement[bool] | None = None,
        also: Callable[[sa.CTE], sa.CTE] | None = None,
    ) -> Statement:
        """Update the rows of the parameter `given`, which this transaction has locked.

        `adjust` may derive a column's new value from what is stored; `also` writes something else.
        Where the same users see all rows, only the one with the id `answered` is returned. One that
        `moves` rows sets `movable` columns too, takes rows without an event, and also tells the
        users and the project that had a row before. `is_for_all`: see `written`.
        """
        settable = self.movable if moves else self.settable
        wanted = (
            sa.func.jsonb_to_recordset(_given)
            .table_valued(
                sa.Column("id", sa.Uuid), sa.Column("event", sa.Text), sa.Column("values", JSONB)
            )
            .render_derived(name="wanted", with_types=True)
        )
        said = (wanted.c.event.label("change_event"), wanted.c["values"].label("given"))
        old = sa.select(self.table, *said).join(wanted, self.table.c.id == wanted.c.id)
        # True for all of them. PostgreSQL then expects few rows, and finds each by its key.
        old = old.where(
            sa.func.split_part(wanted.c.event, ".", 1, type_=sa.Text) == sa.literal(self.name)
        )
        before = self.document(self._as_seen(old.cte("old")), "before", "change_event", "given")
        row = self._given_row(before.c.given, settable)
        new_values = (row.c[name].label(f"new_{name}") for name in settable)
        target = sa.select(before, *new_values).join(row, sa.true()).cte("target")
        columns: Columns = {name: target.c[f"new_{name}"] for name in settable}
        if adjust is not None:
            columns = adjust(columns)
        version: sa.ColumnElement[Any] = self.table.c.version + 1
        updated_at = bumped_timestamp(self.table)
        if moves:
            is_silent = target.c.change_event == sa.literal(self.name)
            version = sa.case((is_silent, self.table.c.version), else_=version)
            updated_at = sa.case((is_silent, self.table.c.updated_at), else_=updated_at)
        new = (
            sa.update(self.table)
            .where(self.table.c.id == target.c.id)
            .values(
                {
                    # What is not given stays as it is stored, without being rewritten.
                    name: sa.case(
                        (target.c.given.has_key(sa.literal(name, sa.Text)), value),
                        else_=self.table.c[name],
                    )
                    for name, value in columns.items()
                }
            )
            .values(version=version, updated_at=updated_at)
            .returning(
                *self.table.c,
                target.c.change_event,
                target.c.given.has_key(sa.literal(_INCIDENTAL, sa.Text)).label(_INCIDENTAL),
                target.c.body.label("body_before"),
                target.c.project_id.label("project_before"),
            )
            .cte("new")
        )
        carried = ("change_event", _INCIDENTAL, "body_before", "project_before")
        after = self.document(self._as_seen(new), "after", *carried)
        affected_users = self.affected_users(after)
        if moves:
            affected_users = sa.func.array_cat(affected_users, self.affected_users(before))
        answer = written(after, affected_users, is_for_all=is_for_all)
        if moves:
            answer = answer.where(before.c.id == after.c.id)
        if answered is not None:
            answer = answer.where(after.c.id == answered)
        if also is not None:
            answer = answer.add_cte(also(new))
        if not self.has_changes:
            return Statement(answer)
        change = self._change(after, after.c.change_event, after.c.body_before)
        if moves:
            change = change.add_columns(after.c.incidental)
            told = change.union_all(departures(after)).subquery("told")
            change = sa.select(told).where(told.c.event != sa.literal(self.name))
        return Statement(answer.add_cte(record(self.name, change)))

    def inserted(self, values: Mapping[str, Any], now: datetime) -> str:
        """The parameter `given` of `insert`."""
        row = {"version": 1, "created_at": now, "updated_at": now, **values}
        return encode(row, row, self._columns)

    def changed(self, changes: Sequence[RowChange], *, moves: bool = False) -> str:
        """The parameter `given` of `update`, which would silently skip what is refused here."""
        for one in changes:
            is_silent = moves and one.event is None
            if not is_silent and not str(one.event).startswith(f"{self.name}."):
                raise ValueError(f"no event of a {self.name}: {one.event}")
        if len({one.id for one in changes}) < len(changes):
            raise ValueError("a row is changed once")
        rows = [one.given(self.name) for one in changes]
        names = {name for one in changes for name in one.values}
        return encode(rows, names, self.movable if moves else self.settable)

    @cached_property
    def _columns(self) -> dict[str, sa.Column[Any]]:
        """All columns but those that PostgreSQL computes."""
        return {column.name: column for column in self.table.c if column.computed is None}

    @cached_property
    def movable(self) -> dict[str, sa.Column[Any]]:
        """The columns that `update(moves=True)` may set."""
        left = self.fixed | {"id", "version", "updated_at"}
        return {name: column for name, column in self._columns.items() if name not in left}

    @cached_property
    def settable(self) -> dict[str, sa.Column[Any]]:
        """The columns that any `update` may set: those of no key.

        An UPDATE that names a column of a key takes the strong row lock, which foreign keys wait
        for, whether the value changes or not.
        """
        keys = key_columns(self.table)
        return {name: column for name, column in self.movable.items() if name not in keys}

    def _given_row(
        self, given: sa.ColumnElement[Any], columns: Mapping[str, sa.Column[Any]]
    ) -> sa.TableValuedAlias:
        """JSON as a row of the table."""
        empty: sa.ColumnElement[Any] = sa.literal_column(f"NULL::{self.table.name}")
        return sa.func.jsonb_populate_record(empty, given).table_valued(
            *(sa.Column(name, column.type) for name, column in columns.items()), name="given_row"
        )

    def _as_seen(self, rows: sa.CTE) -> sa.FromClause:
        """Rows with their `personal` columns."""
        personal = (value.label(name) for name, value in self.personal.items())
        return sa.select(rows, *personal).subquery("seen") if self.personal else rows

    def _change(
        self, after: sa.CTE, event: sa.ColumnElement[Any], before: sa.ColumnElement[Any]
    ) -> sa.Select[Any]:
        """The rows to record."""
        return sa.select(
            after.c.id,
            after.c.project_id,
            event.label("event"),
            self._shared(before).label("before"),
            self._shared(after.c.body).label("after"),
        )

    def _shared(self, body: sa.ColumnElement[Any]) -> sa.ColumnElement[Any]:
        """A row's JSON without its `personal` fields."""
        body = sa.cast(body, JSONB)
        return body.op("-")(array(list(self.personal), type_=sa.Text)) if self.personal else body
