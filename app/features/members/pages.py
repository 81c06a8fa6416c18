"""The statement of the list of a project's members."""

from typing import Any

from sqlalchemy import (
    DateTime,
    Integer,
    Text,
    Uuid,
    bindparam,
    cast,
    func,
    join,
    outerjoin,
    select,
    true,
    tuple_,
)
from sqlalchemy.sql import ColumnElement

from app.database.json_rows import as_text
from app.database.statement import Statement
from app.features.members.statements import members, projects, representation, users
from app.features.projects.permissions import visible_to_principal

_id: ColumnElement[Any] = bindparam("id", type_=Uuid)


def _page(*, is_first: bool, with_total: bool) -> Statement:
    """A page of the members of a visible project, the newest first.

    Each row has the project's `parent_id`. If there are none on the page, it is one row without a
    body; no row means that nothing is seen.
    """
    seen = visible_to_principal(only=_id).subquery("seen")
    mine = select(members).where(members.c.project_id == seen.c.id)
    rows = mine.correlate(seen)
    if not is_first:
        key = cast(bindparam("last_key", type_=Text), DateTime(timezone=True))
        last = tuple_(key, bindparam("last_id", type_=Uuid))
        rows = rows.where(tuple_(members.c.created_at, members.c.user_id) < last)
    order = (members.c.created_at.desc(), members.c.user_id.desc())
    found = rows.order_by(*order).limit(bindparam("limit", type_=Integer)).lateral("found")
    fields = select(*representation(found, users)).correlate(found, users).lateral("fields")
    columns = [
        projects.c.parent_id,
        as_text(fields).label("body"),
        cast(found.c.created_at, Text).label("sort_key"),
        found.c.user_id.label("id"),
    ]
    if with_total:
        counted = mine.with_only_columns(func.count()).correlate(seen).scalar_subquery()
        columns.append(counted.label("total"))
    listed = join(found, users, users.c.id == found.c.user_id).join(fields, true())
    project = join(seen, projects, projects.c.id == seen.c.id)
    return Statement(
        select(*columns)
        .select_from(outerjoin(project, listed, true()))
        .order_by(found.c.created_at.desc(), found.c.user_id.desc())
    )


# By `is_first` and `with_total`.
PAGES = {
    (is_first, with_total): _page(is_first=is_first, with_total=with_total)
    for is_first in (True, False)
    for with_total in (True, False)
}
