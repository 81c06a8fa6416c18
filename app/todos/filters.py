"""What narrows a list of todos: each filter's condition, by its name.

A due has a wall clock (`due_local`) and, if it is zoned, an instant (`due_at`). Where an instant is
asked for, any other due is taken in the caller's time zone, an all-day one from its first moment.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    DateTime,
    Interval,
    SmallInteger,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement

from app.core.tables import table_of
from app.todos.models import PRIORITIES, Todo
from app.todos.schemas import TodoQuery
from app.todos.sorting import completed_key, due_key, last_completed, last_due

Clause = ColumnElement[Any]

todos = table_of(Todo)
# By its name, as a foreign key has it: accounts are another feature's.
_users = table("users", column("id", Uuid), column("timezone", Text))
_callers_zone = (
    select(_users.c.timezone)
    .where(_users.c.id == bindparam("principal_id", type_=Uuid))
    .scalar_subquery()
)
_now: Clause = bindparam("now", type_=DateTime(timezone=True))
_day: Clause = literal_column("interval '1 day'", Interval)


def _in_callers_zone(local: Clause) -> Clause:
    """The instant of a wall clock; PostgreSQL takes the second of a time that is shown twice."""
    return func.timezone(_callers_zone, local)


def _local(name: str) -> Clause:
    # As text, since the driver takes the first moment of the year 1 for minus infinity.
    return cast(bindparam(name, type_=Text), DateTime)


def _instant(name: str) -> Clause:
    return cast(bindparam(name, type_=Text), DateTime(timezone=True))


# No zone's clock is a day away from UTC: with these an index ends about where the exact test does.
def _earliest(instant: Clause) -> Clause:
    return func.timezone("UTC", instant) - _day


def _latest(instant: Clause) -> Clause:
    return func.timezone("UTC", instant) + _day


_due_instant = func.coalesce(todos.c.due_at, _in_callers_zone(todos.c.due_local))
_has_due = due_key < last_due
_has_passed = case(
    (todos.c.due_all_day, _in_callers_zone(todos.c.due_local + _day) <= _now),
    else_=_due_instant < _now,
)
_is_open = todos.c.completed_at.is_(None)
_is_overdue = and_(_is_open, due_key < _latest(_now), _has_passed)

# Besides these there are `project` and `projects`: whose todos a list is of.
_FILTERS: dict[str, Clause] = {
    "parent_id": todos.c.parent_id == bindparam("parent_id", type_=Uuid),
    "top_level": todos.c.parent_id.is_(None),
    "completed": todos.c.completed_at.is_not(None),
    "open": _is_open,
    "priority": todos.c.priority == any_(bindparam("priority", type_=ARRAY(SmallInteger))),
    "has_due": _has_due,
    "has_no_due": due_key == last_due,
    "due_after_date": and_(due_key >= _local("due_after"), _has_due),
    "due_before_date": due_key < _local("due_before"),
    "due_after_instant": and_(
        due_key >= _earliest(_instant("due_after")),
        _has_due,
        _due_instant >= _instant("due_after"),
    ),
    "due_before_instant": and_(
        due_key < _latest(_instant("due_before")),
        _due_instant < _instant("due_before"),
    ),
    "overdue": _is_overdue,
    "not_overdue": func.coalesce(_is_overdue, False).is_(False),
    "updated_since": todos.c.updated_at >= _instant("updated_since"),
}
# In the order by completion these are ranges of its key, or else its index would be read in vain.
_OF_COMPLETION = {
    "completed": completed_key < last_completed,
    "open": completed_key == last_completed,
}


def conditions(filters: frozenset[str], sort: str) -> list[Clause]:
    """What these filters ask of a todo, as an index of the sort has it."""
    known = _FILTERS
    if sort.removeprefix("-") == "completed_at":
        known = known | _OF_COMPLETION
    return [known[name] for name in sorted(filters - {"project", "projects"})]


def filters_of(query: TodoQuery) -> dict[str, dict[str, Any]]:
    """The names of a query's filters, and the parameters of each."""
    filters = _places(query)
    for flag, (yes, no) in _FLAGS.items():
        value = getattr(query, flag)
        if value is not None:
            filters[yes if value else no] = {}
    if query.priority:
        filters["priority"] = {"priority": [PRIORITIES.index(name) for name in query.priority]}
    for name in ("due_after", "due_before"):
        moment: date | datetime | None = getattr(query, name)
        if moment is not None:
            kind = "instant" if isinstance(moment, datetime) else "date"
            filters[f"{name}_{kind}"] = {name: moment.isoformat()}
    if query.updated_since is not None:
        filters["updated_since"] = {"updated_since": query.updated_since.isoformat()}
    return filters


def _places(query: TodoQuery) -> dict[str, dict[str, Any]]:
    filters: dict[str, dict[str, Any]] = {}
    projects = set(query.project_id)
    if len(projects) == 1:
        filters["project"] = {"project": query.project_id[0]}
    elif projects:
        filters["projects"] = {"projects": query.project_id}
    if query.parent_id == "none":
        filters["top_level"] = {}
    elif query.parent_id is not None:
        filters["parent_id"] = {"parent_id": query.parent_id}
    return filters


# What a parameter means if it is true, and if it is false.
_FLAGS = {
    "completed": ("completed", "open"),
    "has_due": ("has_due", "has_no_due"),
    "overdue": ("overdue", "not_overdue"),
}
