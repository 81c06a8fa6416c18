"""Lists of todos by their labels, be they on few todos or on most.

How many have a label nobody knows beforehand, and a statement is planned once, whatever its
parameters. So each project is first read in the order of the sort, as far as would fill a page by a
label that one todo in twenty has. Where that ends before the page is full, the label is rare, and
the index of labels gives all todos that have it.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    CTE,
    Integer,
    Select,
    and_,
    any_,
    func,
    literal_column,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.sql import ColumnElement

from app.features.todos.sql.sorting import Order, Place, todos

Clause = ColumnElement[Any]

# Todos that are read for each that a page may have; the projects share them.
_READ: Clause = literal_column("20", Integer)


def found(
    project: CTE,
    order: Order,
    limit: Clause,
    *,
    where: Sequence[Clause],
    labels: Sequence[Clause],
    indexed: Sequence[Clause],
    after: Place | None,
) -> Select[Any]:
    """The rows of a page that are as `where` says, and as `labels` does.

    `indexed` says the latter too, as the index of labels understands it.
    """
    # Whole numbers: the end of what is read is found by its number.
    share = (_READ * limit // func.count() + literal_column("2")).label("read")
    size = select(share).select_from(project).cte("size")
    read = select(size.c.read).scalar_subquery()
    rows = order.rows(
        todos.c.id, and_(*labels).label("is_wanted"), where=where, limit=read, after=after
    ).subquery("rows")
    numbered = select(rows, (func.row_number().over() == read).label("is_end")).subquery("numbered")
    # Nothing is read after what fills a page. Its last row may be unwanted, and then is the end.
    part = select(numbered).where(or_(numbered.c.is_wanted, numbered.c.is_end)).limit(limit)
    some = part.lateral("some_rows")
    walked = select(project.c.id.label("project_id"), some).join_from(project, some, true())
    walk = walked.cte("walk")
    key, row_id = walk.c.sort_key, walk.c.id
    full = (
        select(key, row_id)
        .where(walk.c.is_wanted)
        .order_by(*order.ordered(key, row_id))
        .offset(limit - literal_column("1"))
        .limit(1)
        .cte("full")
    )
    end = order.or_end(
        select(full.c.sort_key).scalar_subquery(), select(full.c.id).scalar_subquery()
    )
    is_before = (
        tuple_(key, row_id) > tuple_(*end)
        if order.descending
        else tuple_(key, row_id) < tuple_(*end)
    )
    rest = select(walk.c.project_id.label("id")).where(walk.c.is_end, is_before).cte("rest")
    # Hidden from all other indexes, so that the planner uses that of labels.
    hidden = [condition.is_(True) for condition in where]
    rare = order.rows(todos.c.id, where=[*indexed, *hidden], limit=limit, after=after)
    rare_rows = rare.lateral("rare")
    either = union_all(
        select(row_id, key).where(walk.c.is_wanted, walk.c.project_id.not_in(select(rest.c.id))),
        # Under the name by which `where` and `indexed` know a project.
        select(rare_rows.c.id, rare_rows.c.sort_key).join_from(
            select(rest).subquery("project"), rare_rows, true()
        ),
    ).subquery("either")
    page = select(either.c.id).order_by(*order.ordered(either.c.sort_key, either.c.id)).limit(limit)
    ids = func.array(page.scalar_subquery())
    return select(todos, order.key.label("sort_key")).where(todos.c.id == any_(ids))
