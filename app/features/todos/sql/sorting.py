"""The orders of todos: the key of each sort, and how an index gives a page of one project.

Each order is total: by its key, then by id. A sort reads one range of an index, or two that are
each in order: so the index of `due_local`, where nulls are last, also serves the descending order,
where they are last too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    DateTime,
    Select,
    SmallInteger,
    Text,
    Uuid,
    bindparam,
    case,
    cast,
    func,
    literal_column,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.sql import ColumnElement

from app.database.base import table_of
from app.features.todos.models import SORTED_TITLE, Todo

todos = table_of(Todo)

Clause = ColumnElement[Any]
# A sort key and an id.
Place = tuple[Clause, Clause]

_FIRST_ID: Clause = literal_column("'00000000-0000-0000-0000-000000000000'::uuid", Uuid)
# Not a UUIDv7, so no todo has it.
_LAST_ID: Clause = literal_column("'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid", Uuid)


@dataclass(frozen=True)
class _Range:
    """A range of an index, ordered by `key` and id; `is_constant`: all its keys are the same."""

    key: Clause
    condition: Clause
    is_constant: bool = False


@dataclass(frozen=True)
class Order:
    """A sort: its ranges, and a key that comes after all others."""

    ranges: tuple[_Range, ...]
    end: Clause
    descending: bool

    @property
    def key(self) -> Clause:
        """The key of a row of any range, for rows that are not read by ranges."""
        *firsts, last = self.ranges
        return (
            case(*((part.condition, part.key) for part in firsts), else_=last.key)
            if firsts
            else last.key
        )

    def ordered(self, key: Clause, row_id: Clause) -> list[Clause]:
        """The expressions to order by."""
        return [key.desc(), row_id.desc()] if self.descending else [key, row_id]

    def last(self) -> Place:
        """Where the previous page ended: the parameters `last_key` and `last_id`."""
        key = cast(bindparam("last_key", type_=Text), self.ranges[0].key.type)
        return key, bindparam("last_id", type_=Uuid)

    def or_end(self, key: Clause, row_id: Clause) -> Place:
        """The place of these, or if they are null one after all rows."""
        end_id = _FIRST_ID if self.descending else _LAST_ID
        return func.coalesce(key, self.end), func.coalesce(row_id, end_id)

    def rows(
        self,
        *columns: Any,
        where: Sequence[Clause],
        limit: Clause,
        after: Place | None = None,
        until: Place | None = None,
    ) -> Select[Any]:
        """The first rows that match, with their `sort_key`."""
        parts = [
            select(*columns, part.key.label("sort_key"))
            .where(*where, part.condition)
            .where(*(() if after is None else (self._after(part, after),)))
            .where(*(() if until is None else (self._until(part, until),)))
            .order_by(*self.ordered(part.key, todos.c.id)[part.is_constant :])
            .limit(limit)
            for part in self.ranges
        ]
        if len(parts) == 1:
            return parts[0]
        both = union_all(*parts).subquery("both")
        return select(both).order_by(*self.ordered(both.c.sort_key, both.c.id)).limit(limit)

    def _after(self, part: _Range, place: Place) -> Clause:
        if part.is_constant:
            # Nulls are last: any other place is before all of them.
            return todos.c.id < case((place[0] == part.key, place[1]), else_=_LAST_ID)
        here, there = tuple_(part.key, todos.c.id), tuple_(*place)
        return here < there if self.descending else here > there

    def _until(self, part: _Range, place: Place) -> Clause:
        if part.is_constant:
            return todos.c.id >= case((place[0] == part.key, place[1]), else_=_LAST_ID)
        here, there = tuple_(part.key, todos.c.id), tuple_(*place)
        return here >= there if self.descending else here <= there


def _plain(key: Clause, first: Clause, last: Clause) -> tuple[Order, Order]:
    """The ascending and the descending order by a key that is never null."""
    whole = (_Range(key, true()),)
    return Order(whole, last, descending=False), Order(whole, first, descending=True)


def _nulls_last(key: Clause, first: Clause, last: Clause) -> tuple[Order, Order]:
    """Both orders by a key that is `last` where the column is null."""
    with_value = _Range(key, key < last)
    without = _Range(first, key == last, is_constant=True)
    ascending = Order((_Range(key, true()),), last, descending=False)
    return ascending, Order((with_value, without), first, descending=True)


def _infinities(kind: DateTime) -> tuple[Clause, Clause]:
    name = "timestamptz" if kind.timezone else "timestamp"
    return (
        literal_column(f"'-infinity'::{name}", kind),
        literal_column(f"'infinity'::{name}", kind),
    )


_instants = _infinities(DateTime(timezone=True))
_locals = _infinities(DateTime(timezone=False))
_title: Clause = func.left(todos.c.title_key, literal_column(str(SORTED_TITLE)), type_=Text)
# Longer than any key, of the highest character.
_last_title: Clause = literal_column(f"repeat(chr(1114111), {SORTED_TITLE + 1})", Text)

due_key: Clause = func.coalesce(todos.c.due_local, _locals[1])
completed_key: Clause = func.coalesce(todos.c.completed_at, _instants[1])
last_due = _locals[1]
last_completed = _instants[1]

_ORDERS = {
    "created_at": _plain(todos.c.created_at, *_instants),
    "updated_at": _plain(todos.c.updated_at, *_instants),
    "completed_at": _nulls_last(completed_key, *_instants),
    "due": _nulls_last(due_key, *_locals),
    "priority": _plain(
        todos.c.priority, literal_column("-1", SmallInteger), literal_column("5", SmallInteger)
    ),
    "title": _plain(_title, literal_column("''", Text), _last_title),
    # Made of letters and digits.
    "position": _plain(todos.c.position, literal_column("''", Text), literal_column("'~'", Text)),
}
ORDERS = {
    sign + name: order
    for name, orders in _ORDERS.items()
    for sign, order in zip(("", "-"), orders, strict=True)
}
