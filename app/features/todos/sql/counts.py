"""How many open todos each project or label has, and how many of them are overdue."""

from typing import Any

from sqlalchemy import (
    CTE,
    DateTime,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    join,
    outerjoin,
    select,
    table,
    tuple_,
)
from sqlalchemy.sql import ColumnElement

from app.database import json_rows
from app.database.statement import Statement
from app.features.labels.statements import listed
from app.features.projects.permissions import is_owner, visible_to_principal
from app.features.todos.sql.filters import conditions, told
from app.features.todos.sql.reads import page_limit
from app.features.todos.sql.sorting import todos

# Projects belong to another feature, so their table is used by name, as in a foreign key.
_projects = table("projects", column("id", Uuid), column("created_at", DateTime(timezone=True)))
_OVERDUE = frozenset({"overdue"})
_is_open = [todos.c.deleted_at.is_(None), *conditions(frozenset({"open"}), "due")]
_is_overdue = [todos.c.deleted_at.is_(None), *conditions(_OVERDUE, "due")]


def page(by: str, sort: str, *, in_project: bool, is_first: bool, with_total: bool) -> Statement:
    """The statement of a page: each row has its JSON (`body`), its sort key as text, and its id.

    The total and the caller's `timezone` are columns of each row, and of a row without a body if
    the page is empty. `in_project`: by labels, those on todos of the project `project_id`.
    """
    descending = sort.startswith("-")
    named = (_projects_of_principal() if by == "project" else listed(in_project=in_project)).cte(
        "named"
    )
    order = (named.c.created_at, named.c.id)
    last = tuple_(
        cast(bindparam("last_key", type_=Text), named.c.created_at.type),
        bindparam("last_id", type_=Uuid),
    )
    rows = select(named, named.c.created_at.label("sort_key")).limit(page_limit)
    rows = rows.order_by(*(key.desc() for key in order) if descending else order)
    if not is_first:
        rows = rows.where(tuple_(*order) < last if descending else tuple_(*order) > last)
    shown = rows.cte("shown")
    of_each = _of_projects(shown) if by == "project" else _of_labels(shown, in_project)
    found = of_each.subquery("found")
    beside = told(_OVERDUE)
    if with_total:
        total = select(func.count()).select_from(named).scalar_subquery()
        beside.append(total.label("total"))
    fields = (found.c.id, found.c.open_count, found.c.overdue_count)
    return Statement(json_rows.page(found, fields, descending=descending, beside=beside))


def _projects_of_principal() -> Select[Any]:
    """All that are seen, archived ones too."""
    visible = visible_to_principal().subquery("visible")
    return select(_projects).join(visible, visible.c.id == _projects.c.id)


def _of_projects(shown: CTE) -> Select[Any]:
    """The counts of each project, which an index of its open todos gives."""

    def count(where: list[ColumnElement[bool]]) -> ColumnElement[int]:
        here = select(func.count()).where(todos.c.project_id == shown.c.id, *where)
        return here.select_from(todos).correlate(shown).scalar_subquery()

    return select(
        shown, count(_is_open).label("open_count"), count(_is_overdue).label("overdue_count")
    )


def _of_labels(shown: CTE, in_project: bool) -> Select[Any]:
    """The counts of each label, for which the open todos are read once: one has many labels.

    A label is on todos of its owner's projects; those of archived ones are not counted.
    """
    visible = visible_to_principal(archived=False).subquery("visible")
    project = select(visible.c.id)
    if not in_project:
        project = project.where(is_owner(visible))
    here = project.subquery("project")
    key = func.unnest(todos.c.label_keys).column_valued("key")
    is_overdue = func.count().filter(*_is_overdue)
    counted = (
        select(key.label("key"), func.count().label("open"), is_overdue.label("overdue"))
        .select_from(join(here, todos, todos.c.project_id == here.c.id))
        .where(*_is_open)
        .group_by(key)
        .subquery("counted")
    )
    return select(
        shown,
        func.coalesce(counted.c.open, 0).label("open_count"),
        func.coalesce(counted.c.overdue, 0).label("overdue_count"),
    ).select_from(outerjoin(shown, counted, counted.c.key == shown.c.name_key))
