"""The statements that read todos: one query each, with the permission in it."""

from typing import Any

from sqlalchemy import (
    CTE,
    Integer,
    Select,
    Uuid,
    bindparam,
    case,
    func,
    literal_column,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql import ColumnElement, FromClause

from app.database import json_rows
from app.database.statement import Statement
from app.features.projects.permissions import visible_to_principal
from app.features.todos.sql import labelled
from app.features.todos.sql.filters import LABELS, conditions, in_index_of_labels, told
from app.features.todos.sql.permissions import visible_todo
from app.features.todos.sql.representation import representation
from app.features.todos.sql.sorting import ORDERS, Order, Place
from app.features.todos.sql.writes import TODOS, todos

READ = TODOS.read(visible_todo)

# For so few projects it is cheaper to read a whole page of each than to read their heads first.
_FEW = 4

# As text: SQLAlchemy does not correlate a subquery within a lateral one to the outer statement.
_project_id: ColumnElement[Any] = literal_column("project.id", Uuid)
page_limit: ColumnElement[int] = bindparam("limit", type_=Integer)


def page(sort: str, filters: frozenset[str], *, is_first: bool, with_total: bool) -> Statement:
    """The statement of a page: each row has its JSON (`body`), its sort key as text, and its id.

    `filters` are names that `filters_of` gives. The total and the caller's `timezone`, if needed,
    are columns of each row, and of a row without a body if the page is empty.
    """
    order = ORDERS[sort]
    where = conditions(filters, sort)
    project = projects_of(filters)
    is_one = "project" in filters and not filters & LABELS
    source = project.subquery("project") if is_one else project.cte("project")
    here = [todos.c.project_id == _project_id, todos.c.deleted_at.is_(None)]
    after = None if is_first else order.last()
    if isinstance(source, CTE) and filters & LABELS:
        found = labelled.found(
            source,
            order,
            page_limit,
            where=[*here, *conditions(filters - LABELS, sort)],
            labels=conditions(filters & LABELS, sort),
            indexed=in_index_of_labels(filters, _project_id),
            after=after,
        )
    elif isinstance(source, CTE):
        found = _found_in_many(source, order, [*here, *where], after)
    else:
        rows = order.rows(todos, where=[*here, *where], limit=page_limit, after=after).lateral(
            "found"
        )
        found = select(rows).join_from(source, rows, true())
    sort_key, row_id = found.selected_columns["sort_key"], found.selected_columns["id"]
    found = found.order_by(*order.ordered(sort_key, row_id)).limit(page_limit)
    beside = told(filters)
    if with_total:
        counted = project.subquery("counted")
        total = (
            select(func.count())
            .select_from(todos.join(counted, counted.c.id == todos.c.project_id))
            .where(todos.c.deleted_at.is_(None), *where)
        )
        beside.append(total.scalar_subquery().label("total"))
    return answer(found, beside, descending=order.descending)


def _in_order(rows: FromClause, *, descending: bool) -> list[ColumnElement[Any]]:
    return [column.desc() if descending else column for column in (rows.c.sort_key, rows.c.id)]


def answer(found: Select[Any], beside: list[ColumnElement[Any]], *, descending: bool) -> Statement:
    """Turn a page's todos with their `sort_key`, and the columns `beside`, into the statement."""
    all_found = found.subquery("merged")
    # PostgreSQL knows a text's length without reading it, so what is cut is not read either. No
    # single description is as long as a page.
    size = func.octet_length(all_found.c.description)
    merged = json_rows.fitting(all_found, size, _in_order(all_found, descending=descending))
    fields = representation(merged)
    return Statement(json_rows.page(merged, fields, descending=descending, beside=beside))


def _found_in_many(
    project: CTE, order: Order, where: list[ColumnElement[Any]], after: Place | None
) -> Select[Any]:
    """The rows of a page, and few others, from any number of projects.

    First only the ids of each project's head are read and merged. If they fill a page, its last row
    bounds the true page, and a project without a row in it has none in the true page either. Then
    the other projects are read up to that bound.
    """
    number = func.count()
    # All heads together are about two pages, and at least one row of each project.
    depth = func.least(page_limit // number + 2, 2 * page_limit // number + 1)
    size = (
        select(number.label("number"), case((number > _FEW, depth), else_=0).label("depth"))
        .select_from(project)
        .cte("size")
    )
    head_limit = select(size.c.depth).scalar_subquery()
    first = order.rows(todos.c.id, where=where, limit=head_limit, after=after).lateral("first")
    head = (
        select(project.c.id.label("project_id"), first.c.sort_key, first.c.id)
        .join_from(project, first, true())
        .order_by(*order.ordered(first.c.sort_key, first.c.id))
        .limit(page_limit)
        .cte("head")
    )
    last = (
        select(head.c.sort_key, head.c.id)
        .order_by(*order.ordered(head.c.sort_key, head.c.id))
        .offset(page_limit - 1)
        .limit(1)
        .cte("last")
    )
    until = order.or_end(
        select(last.c.sort_key).scalar_subquery(), select(last.c.id).scalar_subquery()
    )
    rows = order.rows(todos, where=where, limit=page_limit, after=after, until=until).lateral(
        "found"
    )
    is_few = select(size.c.number <= _FEW).scalar_subquery()
    return (
        select(rows)
        .join_from(project, rows, true())
        .where(or_(is_few, project.c.id.in_(select(head.c.project_id))))
    )


def projects_of(filters: frozenset[str]) -> Select[Any]:
    """The projects whose todos are listed: the named ones, or all that are not archived."""
    archived = False if "unarchived" in filters else None
    if "project" in filters:
        return visible_to_principal(only=bindparam("project", type_=Uuid), archived=archived)
    if "projects" in filters:
        among = bindparam("projects", type_=ARRAY(Uuid))
        return visible_to_principal(among=among, archived=archived)
    return visible_to_principal(archived=False)
