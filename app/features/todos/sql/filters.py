"""The filters of lists of todos: the condition of each, by its name.

A due has a wall-clock time (`due_local`) and, if it is zoned, an instant (`due_at`). To compare it
with an instant, a due without a zone is taken in the caller's time zone, an all-day one as its
midnight. Python computes which wall-clock times are before an instant in that zone and passes them
as a parameter, since PostgreSQL's zone rules may be others.

On a day of the caller's is what is written so, and what has its instant in it.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import (
    DateTime,
    SmallInteger,
    Text,
    Uuid,
    and_,
    any_,
    bindparam,
    case,
    cast,
    func,
    not_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSMULTIRANGE
from sqlalchemy.sql import ColumnElement

from app.core.text_rules import text_key
from app.database.base import table_of
from app.features.due.callers_zone import callers_zone
from app.features.due.days import Midnight, midnight_after
from app.features.due.wall_clocks import clocks_before, plus
from app.features.labels.terms import has_labels
from app.features.todos.models import PRIORITIES, Todo
from app.features.todos.schemas import TodoQuery, View
from app.features.todos.sql.sorting import completed_key, due_key, last_completed, last_due

Clause = ColumnElement[Any]

todos = table_of(Todo)
_DAY = timedelta(days=1)


def _local(name: str) -> Clause:
    # As text, since the driver sends the first moment of the year 1 as minus infinity.
    return cast(bindparam(name, type_=Text), DateTime)


def _instant(name: str) -> Clause:
    return cast(bindparam(name, type_=Text), DateTime(timezone=True))


def _is_among(name: str) -> Clause:
    """Whether the wall-clock time is in one of the ranges; the subquery parses these only once."""
    ranges = select(cast(bindparam(name, type_=Text), TSMULTIRANGE)).scalar_subquery()
    return todos.c.due_local.bool_op("<@")(ranges)


def _is_before(name: str) -> Clause:
    """Whether the due is before this instant; null without a due."""
    return case(
        (todos.c.due_at.is_(None), _is_among(f"{name}_clocks")),
        else_=todos.c.due_at < _instant(name),
    )


def _is_before_midnight(name: str) -> Clause:
    """Whether the due is before this midnight: by its instant, or as it is written."""
    return case(
        (todos.c.due_at.is_(None), todos.c.due_local < _local(f"{name}_clock")),
        else_=todos.c.due_at < _instant(name),
    )


def _keys(name: str) -> Clause:
    return bindparam(name, type_=ARRAY(Text))


_has_due = due_key < last_due
_has_passed = case(
    (todos.c.due_all_day, _is_among("now_days")),
    else_=_is_before("now"),
)
_is_open = todos.c.completed_at.is_(None)
# No zone is a day away from UTC: bounds one day around the instant let an index do most of the
# exact test's work.
_is_overdue = and_(_is_open, due_key < _local("now_latest"), _has_passed)

# Those of projects, which `reads.projects_of` has.
_OF_PROJECTS = frozenset({"project", "projects", "unarchived"})
_FILTERS: dict[str, Clause] = {
    "parent_id": todos.c.parent_id == bindparam("parent_id", type_=Uuid),
    "top_level": todos.c.parent_id.is_(None),
    "completed": todos.c.completed_at.is_not(None),
    "open": _is_open,
    "priority": todos.c.priority == any_(bindparam("priority", type_=ARRAY(SmallInteger))),
    # What serves these is in labelled.py.
    "label": todos.c.label_keys.bool_op("&&")(_keys("label")),
    "label_all": todos.c.label_keys.bool_op("@>")(_keys("label_all")),
    "has_due": _has_due,
    "has_no_due": due_key == last_due,
    "due_after_date": and_(due_key >= _local("due_after"), _has_due),
    "due_before_date": due_key < _local("due_before"),
    "due_after_instant": and_(
        due_key >= _local("due_after_earliest"),
        _has_due,
        not_(_is_before("due_after")),
    ),
    "due_before_instant": and_(
        due_key < _local("due_before_latest"),
        _is_before("due_before"),
    ),
    "due_from_day": and_(
        due_key >= _local("first_day_earliest"),
        not_(_is_before_midnight("first_day")),
    ),
    "due_to_day": and_(
        due_key < _local("last_day_latest"),
        _is_before_midnight("last_day"),
    ),
    "overdue": _is_overdue,
    "not_overdue": func.coalesce(_is_overdue, False).is_(False),
    "updated_since": todos.c.updated_at >= _instant("updated_since"),
}
# For the sort by completion these are ranges of its key, so that its index is read only there.
_OF_COMPLETION = {
    "completed": completed_key < last_completed,
    "open": completed_key == last_completed,
}


# By any, or by all, of some labels.
LABELS = frozenset({"label", "label_all"})
# Filters that depend on the caller's time zone.
_IN_ZONE = frozenset(
    {
        "due_after_instant",
        "due_before_instant",
        "due_from_day",
        "due_to_day",
        "overdue",
        "not_overdue",
    }
)


def told(filters: frozenset[str]) -> list[Clause]:
    """Columns of a list besides its todos: the caller's time zone, if a filter depends on it."""
    return [callers_zone.label("timezone")] if filters & _IN_ZONE else []


def conditions(filters: frozenset[str], sort: str) -> list[Clause]:
    """The conditions of these filters, in the form that the index of the sort serves."""
    known = _FILTERS
    if sort.removeprefix("-") == "completed_at":
        known = known | _OF_COMPLETION
    return [known[name] for name in sorted(filters - _OF_PROJECTS)]


def in_index_of_labels(filters: frozenset[str], project_id: Clause) -> list[Clause]:
    """The conditions of the filters by labels, in the form that the index of labels serves."""
    return [
        condition
        for name in sorted(filters & LABELS)
        for condition in has_labels(todos, project_id, _keys(name), all_of=name == "label_all")
    ]


def filters_of(
    query: TodoQuery, now: datetime, zone: str, view: View | None = None
) -> dict[str, dict[str, Any]]:
    """The names of a query's filters, and the parameters of each, for a caller in that zone."""
    filters = _places(query) | _marks(query)
    if view is not None:
        filters |= _filters_of_view(view, now, zone)
    for flag, (yes, no) in _FLAGS.items():
        value = getattr(query, flag)
        if value is not None:
            filters[yes if value else no] = clock(now, zone) if flag == "overdue" else {}
    for name in ("due_after", "due_before"):
        moment: date | datetime | None = getattr(query, name)
        if isinstance(moment, datetime):
            filters[f"{name}_instant"] = _moment(name, moment, zone)
        elif moment is not None:
            filters[f"{name}_date"] = {name: moment.isoformat()}
    if query.updated_since is not None:
        filters["updated_since"] = {"updated_since": query.updated_since.isoformat()}
    return filters


def _marks(query: TodoQuery) -> dict[str, dict[str, Any]]:
    filters: dict[str, dict[str, Any]] = {}
    if query.priority:
        filters["priority"] = {"priority": [PRIORITIES.index(name) for name in query.priority]}
    for name in LABELS:
        if names := getattr(query, name):
            filters[name] = {name: sorted({*map(text_key, names)})}
    return filters


def _filters_of_view(view: View, now: datetime, zone: str) -> dict[str, dict[str, Any]]:
    filters: dict[str, dict[str, Any]] = {"unarchived": {}}
    if view.first_day is not None:
        begin = midnight_after(now, zone, view.first_day - 1)
        filters["due_from_day"] = _midnight("first_day", begin)
    if view.last_day is not None:
        end = midnight_after(now, zone, view.last_day)
        filters["due_to_day"] = _midnight("last_day", end)
    return filters


def _around(name: str, instant: datetime) -> dict[str, Any]:
    """The parameters for an instant: itself, and bounds of the wall-clock times that it has."""
    utc = instant.astimezone(UTC).replace(tzinfo=None)
    return {
        name: instant.isoformat(),
        f"{name}_earliest": plus(utc, -_DAY).isoformat(),
        f"{name}_latest": plus(utc, _DAY).isoformat(),
    }


def _moment(name: str, instant: datetime, zone: str) -> dict[str, Any]:
    """The parameters for an instant, and the wall-clock times before it in the zone."""
    clocks = _multirange(clocks_before(instant, zone))
    return {**_around(name, instant), f"{name}_clocks": clocks}


def _midnight(name: str, midnight: Midnight) -> dict[str, Any]:
    """The parameters for a midnight: its instant, and as the clocks show it."""
    return {**_around(name, midnight.instant), f"{name}_clock": midnight.clock.isoformat()}


def clock(now: datetime, zone: str) -> dict[str, Any]:
    """The parameters for now, and the days that are over: a day ends at the next midnight."""
    ends = clocks_before(now + datetime.resolution, zone)
    days = [(start and plus(start, -_DAY), plus(end, -_DAY)) for start, end in ends]
    return {**_moment("now", now, zone), "now_days": _multirange(days)}


def _multirange(ranges: Iterable[tuple[datetime | None, datetime]]) -> str:
    parts = (f"[{start.isoformat() if start else ''},{end.isoformat()})" for start, end in ranges)
    return f"{{{','.join(parts)}}}"


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


# The filter for a parameter that is true, and for one that is false.
_FLAGS = {
    "completed": ("completed", "open"),
    "has_due": ("has_due", "has_no_due"),
    "overdue": ("overdue", "not_overdue"),
}
