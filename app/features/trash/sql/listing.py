"""The statement of a page of the trash, the newest first."""

from typing import Any

from sqlalchemy import (
    DateTime,
    Integer,
    Interval,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql import ColumnElement

from app.database import json_rows
from app.database.json_rows import instant
from app.database.statement import Statement
from app.features.projects.permissions import is_editor, is_owner, joined_by_principal
from app.features.projects.statements import projects
from app.features.todos.sql.writes import todos

_limit: ColumnElement[Any] = bindparam("limit", type_=Integer)
_place = joined_by_principal().subquery("place")
# What is in a project in the trash goes to the Inbox, which a limited token does not see.
_has_place = or_(
    _place.c.deleted_at.is_(None) & _place.c.archived.is_(False),
    _place.c.deleted_at.is_not(None) & bindparam("principal_project_id", type_=Uuid).is_(None),
)
_is_in_place = (todos.c.project_id == _place.c.id) & (todos.c.deletion_id == todos.c.id)
_projects = (projects.c.id == _place.c.id) & (projects.c.deletion_id == projects.c.id)


def page(*, is_first: bool, with_total: bool) -> Statement:
    """The statement of a page: each row has its JSON (`body`), its sort key as text, and its id.

    The total is a column of each row, and of a row without a body if the page is empty.
    """
    either = _todos(is_first).union_all(_of_projects(is_first)).subquery("either")
    order = (either.c.sort_key.desc(), either.c.id.desc())
    found = select(either).order_by(*order).limit(_limit).subquery("found")
    fields = [
        found.c.type,
        found.c.id,
        found.c.project_id,
        found.c.title,
        instant(found.c.sort_key).label("deleted_at"),
        instant(found.c.sort_key + bindparam("retention", type_=Interval)).label("purge_at"),
    ]
    total = (_count(_todo_places()) + _count(_project_places())).label("total")
    beside = [total] if with_total else []
    return Statement(json_rows.page(found, fields, descending=True, beside=beside))


def _todo_places() -> Select[Any]:
    """The todos that the principal may restore."""
    joined = select(todos.c.id).join_from(_place, todos, _is_in_place)
    return joined.where(is_editor(_place), _has_place)


def _project_places() -> Select[Any]:
    """The projects that the principal may restore."""
    return select(projects.c.id).join_from(_place, projects, _projects).where(is_owner(_place))


def _count(rows: Select[Any]) -> ColumnElement[int]:
    return rows.with_only_columns(func.count()).scalar_subquery()


def _after(row: Any, is_first: bool) -> list[ColumnElement[bool]]:
    if is_first:
        return []
    last = tuple_(
        cast(bindparam("last_key", type_=Text), DateTime(timezone=True)),
        bindparam("last_id", type_=Uuid),
    )
    return [tuple_(row.c.deleted_at, row.c.id) < last]


def _todos(is_first: bool) -> Select[Any]:
    """A page of each project's own, which the index has in this order."""
    newest = (
        select(
            literal("todo").label("type"),
            todos.c.id,
            todos.c.project_id,
            todos.c.title,
            todos.c.deleted_at.label("sort_key"),
        )
        .where(_is_in_place, *_after(todos, is_first))
        .order_by(todos.c.deleted_at.desc(), todos.c.id.desc())
        .limit(_limit)
        .correlate(_place)
        .lateral("newest")
    )
    joined = select(newest).join_from(_place, newest, true())
    return joined.where(is_editor(_place), _has_place)


def _of_projects(is_first: bool) -> Select[Any]:
    columns = (
        literal("project").label("type"),
        projects.c.id,
        projects.c.id.label("project_id"),
        projects.c.name.label("title"),
        projects.c.deleted_at.label("sort_key"),
    )
    return _project_places().with_only_columns(*columns).where(*_after(projects, is_first))


# By `is_first` and `with_total`.
PAGES = {
    (is_first, with_total): page(is_first=is_first, with_total=with_total)
    for is_first in (True, False)
    for with_total in (True, False)
}
